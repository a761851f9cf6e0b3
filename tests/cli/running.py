"""Runs the command line: in this process, or where that is what is tested, in another.

A new Python imports torch for ``ingest``, which takes seconds; a fork of one that has imported
it already starts at once.
"""

import contextlib
import io
import logging
import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn, TextIO

import pytest
from typer.testing import CliRunner, Result

from embstore.cli.main import app, main
from embstore.cli.terminal import TERMINAL, Terminal
from embstore.errors import EmbstoreError


def embstore(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``embstore`` to its end in this process and return what it said.

    What it finds is what a process of its own would find: arguments, working directory,
    environment, and two streams that are no terminals.
    """
    words = ["embstore", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        for name, value in vars(Terminal()).items():
            patch.setattr(TERMINAL, name, value)
        for name, value in environment.items():
            patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        # It would listen to every signal from then on, and end the tests at a second Ctrl-C.
        patch.setattr("embstore.cli.main.heed_signals", lambda: None)
        # What it would keep from its own process may be what other tests are about.
        patch.setattr("embstore.cli.main.skip_pandas", lambda _words: None)
        # The command line ends at once where a thread still works; the tests go on.
        patch.setattr(os, "_exit", _exit)
        with _streams() as (out, err):
            code = _run()
    return subprocess.CompletedProcess(words, code, _text(out), _text(err))


def run(*arguments: object, stdin: str | None = None) -> Result:
    """Run ``embstore`` in this process, and return what it said and raised."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def ok(*arguments: object, stdin: str | None = None) -> str:
    """Run ``embstore``, which must succeed, and return what it wrote."""
    result = run(*arguments, stdin=stdin)
    assert result.exception is None, result.exception
    return result.stdout


def refused(*arguments: object) -> EmbstoreError:
    """Run ``embstore``, which must write nothing and fail, and return its one-line error."""
    result = run(*arguments)
    assert isinstance(result.exception, EmbstoreError)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
    return result.exception


def command(*arguments: str | Path) -> list[str]:
    """What starts ``embstore`` in a process of its own."""
    return [sys.executable, "-m", "embstore", *map(str, arguments)]


@contextlib.contextmanager
def fork(*arguments: str | Path, cwd: Path) -> Iterator[tuple[BaseProcess, TextIO]]:
    """Start ``embstore`` in a process that can be killed; give it and its standard error."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["embstore.cli.main", "embstore.ingestion.run"])
    pipe = cwd / "stderr"
    os.mkfifo(pipe)
    process = server.Process(target=_forked, args=(["embstore", *map(str, arguments)], cwd, pipe))
    process.start()
    try:
        # Waits for the process to open its end.
        with pipe.open() as said:
            pipe.unlink()
            yield process, said
    finally:
        process.kill()
        process.join()


def _forked(words: list[str], cwd: Path, pipe: Path) -> None:
    sys.argv = words
    os.chdir(cwd)
    sys.stderr = pipe.open("w", buffering=1)
    main()


def _run() -> int:
    """Return the exit code; an error that nothing catches is shown as Python would."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception:
        traceback.print_exc()
        return 1
    raise AssertionError("the command line ended without an exit code")


def _exit(code: int) -> NoReturn:
    raise SystemExit(code)


@contextlib.contextmanager
def _streams() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """Put streams with a buffer of bytes in place of both standard streams.

    Loggers that took hold of standard error when they were made are moved along.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    loggers = (logging.root, *logging.root.manager.loggerDict.values())
    handlers = {
        handler: handler.stream
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
        if type(handler) is logging.StreamHandler
    }
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        for handler in handlers:
            handler.stream = err
        try:
            yield out, err
        finally:
            for handler, stream in handlers.items():
                handler.stream = stream


def _text(stream: io.TextIOWrapper) -> str:
    """Read what was written, with line ends as a process's text has them."""
    stream.flush()
    return stream.buffer.getvalue().decode().replace("\r\n", "\n")  # type: ignore[attr-defined,no-any-return]
