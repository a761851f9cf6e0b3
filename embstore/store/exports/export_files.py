"""What an export is: a folder of Parquet files, and a manifest that says which of them count.

::

    manifest.json                      schema, and every file with its SHA-256; written last
    runs/RUN_ID/measurement.parquet    the numbers of one run, a file for each table; with its
                                       CHECKSUM in the name if numbers were derived later
    tables/model-CHECKSUM.parquet      what runs share, of all runs
    README.md, croissant.json          for a data-set hub

A file is never changed: what is new has another name. So the manifest that is there always fits
the files that are there, whenever an export was stopped.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from embstore.common.messages import visible
from embstore.errors import StoreError, StoreVersionError
from embstore.store import migration
from embstore.store.assembling import Reader
from embstore.store.lake.secrets import without_secrets
from embstore.store.quoting import quoted
from embstore.store.table_names import FACTS, NUMBERS

MANIFEST = "manifest.json"
FORMAT = "embstore-export"
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9]{4}")


@dataclass(frozen=True)
class ExportFile:
    """One Parquet file.

    Attributes:
        sha256: its fingerprint.
        size: in bytes.
        rows: how many it has.
        renewed: it came in the place of an earlier one, so that it has another name.
    """

    sha256: str
    size: int
    rows: int
    renewed: bool = False


@dataclass(frozen=True)
class Manifest:
    """Which files an export has.

    Attributes:
        schema: the revision of the tables' schema.
        embstore_version: that wrote it last.
        tables: the file of each table of facts; none in an export that was just begun.
        runs: by run, the file of each table of numbers.
    """

    schema: str = migration.HEAD
    embstore_version: str = ""
    tables: Mapping[str, ExportFile] = field(default_factory=dict)
    runs: Mapping[str, Mapping[str, ExportFile]] = field(default_factory=dict)

    def files(self) -> dict[str, ExportFile]:
        """Return every file by its path in the folder."""
        facts = {fact_path(table, file): file for table, file in self.tables.items()}
        numbers = {
            number_path(run_id, table, file): file
            for run_id, files in self.runs.items()
            for table, file in files.items()
        }
        return {**facts, **numbers}

    def text(self) -> str:
        """Return it as it is written."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def fact_path(table: str, file: ExportFile) -> str:
    """Return where the file of a table of facts lies in an export."""
    return f"tables/{table}-{file.sha256[:16]}.parquet"


def number_path(run_id: str, table: str, file: ExportFile | None = None) -> str:
    """Return where the file of a run's numbers lies in an export."""
    checksum = f"-{file.sha256[:16]}" if file is not None and file.renewed else ""
    return f"runs/{run_id}/{table}{checksum}.parquet"


def check_name(folder: Path) -> None:
    """Refuse a folder that DuckDB would take for a pattern.

    Raises:
        StoreError: naming the character.
    """
    for character in "*?[":
        if character in str(folder):
            raise StoreError(f"{folder} has {character} in it: choose a path without one")


def is_export(path: Path) -> bool:
    """Say whether a folder is an export; what cannot be reached is none."""
    try:
        return path.is_dir() and (path / MANIFEST).is_file()
    except OSError:
        return False


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an export.

    Raises:
        StoreError: it is missing, cannot be read, or is not one.
        StoreVersionError: a newer embstore wrote it.
    """
    check_name(folder)
    try:
        return parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"), str(folder))
    except FileNotFoundError:
        raise StoreError(
            f"{without_secrets(str(folder))} is no export: it has no {MANIFEST}; make one with "
            "`embstore export`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder / MANIFEST} cannot be read: {error}") from error


def parse_manifest(text: str, place: str) -> Manifest:
    """Read a manifest, which a stranger may have written: nothing in it names a path.

    Raises:
        StoreError: it is not one.
        StoreVersionError: a newer embstore wrote it.
    """
    try:
        content = json.loads(text)
        revision = _schema(content)
        if revision == migration.HEAD or migration.is_known(revision):
            return Manifest(
                schema=revision,
                embstore_version=visible(str(content["embstore_version"])),
                tables=_files(content["tables"], FACTS),
                runs={
                    _run_id(key): _files(files, NUMBERS) for key, files in content["runs"].items()
                },
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"the {MANIFEST} of {place} is not one that embstore wrote: fetch the folder again, "
            "or export the store into a new one"
        ) from error
    raise StoreVersionError(
        f"{place} has schema {revision}, newer than this embstore's {migration.HEAD}: upgrade "
        "embstore"
    )


def _schema(content: Mapping[str, Any]) -> str:
    revision = content["schema"]
    if content["format"] != FORMAT or not _REVISION.fullmatch(revision):
        raise ValueError
    return str(revision)


def _run_id(key: str) -> str:
    if not _RUN_ID.fullmatch(key):
        raise ValueError
    return key


def _files(given: Mapping[str, Any], tables: Sequence[str]) -> dict[str, ExportFile]:
    found = {}
    for table, said in given.items():
        file = ExportFile(
            str(said["sha256"]), int(said["size"]), int(said["rows"]), bool(said.get("renewed"))
        )
        if table not in tables or not _SHA256.fullmatch(file.sha256):
            raise ValueError
        found[table] = file
    return found


def sha256(path: Path) -> str:
    """Return a file's fingerprint."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reader(base: str, manifest: Manifest) -> Reader:
    """Return what reads the tables of an export that lies at a folder or address."""

    def read(table: str, runs: Sequence[str]) -> str:
        if table in FACTS:
            file = manifest.tables.get(table)
            if file is None:
                return f"SELECT * FROM {table} LIMIT 0"  # noqa: S608 - one of our own tables
            return parquet([f"{base}/{fact_path(table, file)}"])
        files = [
            f"{base}/{number_path(run_id, table, manifest.runs[run_id][table])}"
            for run_id in runs
            if table in manifest.runs.get(run_id, ()) and manifest.runs[run_id][table].rows
        ]
        empty = f"SELECT * FROM empty_{table}"  # noqa: S608 - one of our own tables
        if not files:
            return empty
        # Columns that came after the export was written are NULL.
        return f"{empty} UNION ALL BY NAME {parquet(files)}"

    return read


def parquet(files: Sequence[str]) -> str:
    """Return the SQL that reads these files, whatever the folders above them are called."""
    names = ", ".join(map(quoted, files))
    return f"SELECT * FROM read_parquet([{names}], hive_partitioning = false)"  # noqa: S608
