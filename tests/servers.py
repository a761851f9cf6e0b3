"""A real PostgreSQL for tests: Debian's programs, a folder and a port of its own, on loopback."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "keeper", "geheim-4711"
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=''",
    # A crash of the machine loses what a test has stored, and nothing else does.
    "fsync=off",
    "max_connections=200",
)


@dataclass(frozen=True)
class Server:
    """A server that runs, or is to run again.

    Attributes:
        programs: the folder of PostgreSQL's programs.
        folder: where its data are.
        port: on 127.0.0.1.
    """

    programs: Path
    folder: Path
    port: int

    def start(self) -> None:
        options = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={self.port}"))
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        # Ends connections at once, as one who restarts a server does.
        self._control("stop", "-m", "fast")

    def make_database(self, name: str) -> str:
        """Make an empty database, and return the address of a lake in it."""
        self.run("createdb", "--maintenance-db", "postgres", name)
        return f"ducklake:postgres:dbname={name} host=127.0.0.1 port={self.port} user={USER}"

    def run(self, program: str, *options: str) -> str:
        """Run one of PostgreSQL's programs as the owner of everything; return what it says."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)
        done = subprocess.run(
            [self.programs / program, *where, *options],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def ask(self, database: str, sql: str) -> str:
        """Return what SQL gives in a database, one row a line."""
        return self.run("psql", "-d", database, "-At", "-c", sql).strip()

    def _control(self, *what: str) -> None:
        _as_owner([self.programs / "pg_ctl", "-D", self.folder / "data", "-w", *what])


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, and end it with all that it has."""
    programs = installed()
    folder = Path(tempfile.mkdtemp(prefix="embstore-postgres-"))
    if os.geteuid() == 0:
        # PostgreSQL does not run as root; its package has made a user for it.
        shutil.chown(folder, "postgres")
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        make: list[str | Path] = [programs / "initdb", "-D", folder / "data", "-U", USER]
        make += ["--pwfile", secret]
        _as_owner([*make, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        server = Server(programs, folder, _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def installed() -> Path:
    """Return the folder of the newest PostgreSQL's programs.

    In CI its absence is a failure, elsewhere a skip that says so.
    """
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    files = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if files:
        return max(files, key=lambda file: int(file.parents[1].name)).parent
    missing = "PostgreSQL is not installed (apt-get install postgresql)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _as_owner(command: Sequence[str | Path]) -> None:
    change = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*change, *map(str, command)],
        cwd="/",
        # Else the server would keep the pipe open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
