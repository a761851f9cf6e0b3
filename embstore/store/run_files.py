"""A measured run as one file: every number to the last bit, and proof that it is whole.

Gzipped JSON in two lines. The first says what the file is, with the SHA-256 of the second, which
is the run: ``zcat FILE | head -1`` shows it to people.
"""

import base64
import functools
import gzip
import hashlib
import json
import typing
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from embstore._version import __version__
from embstore.common.messages import one_line
from embstore.common.type_hints import hints_of, unless_none
from embstore.errors import StoreError
from embstore.store import ids, migration
from embstore.types import Run

# Raised where an older embstore could not read the file any more.
FORMAT = 1
SUFFIX = ".run.json.gz"

_Make = Callable[[Any], Any]


def file_name(run: Run, content: bytes) -> str:
    """Return a name that is the same for the same run, and only for it."""
    return f"{ids.run_id_of(run)}-{hashlib.sha256(content).hexdigest()[:8]}{SUFFIX}"


def encode(run: Run) -> bytes:
    """Return the content of a run's file."""
    body = _line(_plain(run))
    head = {
        "embstore_run": FORMAT,
        "schema": migration.HEAD,
        "embstore_version": __version__,
        "run_id": ids.run_id_of(run),
        "model": run.model.name,
        "revision": run.checkpoint.revision,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    # Without the time, so that the same run has the same bytes.
    return gzip.compress(_line(head) + b"\n" + body, compresslevel=6, mtime=0)


def read_run(file: Path) -> Run:
    """Read a run back.

    Raises:
        StoreError: the file is damaged, or of a newer embstore; names it.
        FileNotFoundError: it is not there any more.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{file} cannot be read ({error.strerror})") from error
    try:
        head, body = _unpack(content)
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise _damaged(file, one_line(error)) from error
    if head["embstore_run"] > FORMAT or str(head["schema"]) > migration.HEAD:
        raise StoreError(
            f"{file} is of embstore {head['embstore_version']}, newer than this one, "
            f"{__version__}: upgrade embstore"
        )
    if hashlib.sha256(body).hexdigest() != head["sha256"]:
        raise _damaged(file, "its checksum does not fit")
    try:
        run = _maker(Run)(json.loads(body))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(file, one_line(error)) from error
    if ids.run_id_of(run) != head["run_id"]:
        raise _damaged(file, "its run has another id")
    return typing.cast("Run", run)


def _damaged(file: Path, why: str) -> StoreError:
    return StoreError(f"{file} is damaged or no run of embstore ({why})")


def _unpack(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Split a file into what it says of itself, and the run."""
    first, newline, body = gzip.decompress(content).partition(b"\n")
    head = json.loads(first)
    if not isinstance(head, dict) or not newline:
        raise ValueError("it has no two lines")
    if not {"embstore_run", "schema", "embstore_version", "sha256", "run_id"} <= head.keys():
        raise ValueError("its first line lacks something")
    if not isinstance(head["embstore_run"], int):
        raise ValueError(f"its format is {head['embstore_run']!r}")  # noqa: TRY004 - damaged
    return head, body


def _line(content: object) -> bytes:
    # JSON as Python writes it: NaN and infinity are words, and every float comes back as it was.
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    # A name may hold bytes that are no text.
    return text.encode("utf-8", errors="surrogatepass")


def _plain(value: object) -> object:
    """Return a record as dictionaries, lists, numbers and text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return base64.b64encode(np.ascontiguousarray(value, dtype="<f8").tobytes()).decode()
    return value.item() if isinstance(value, np.generic) else value


@functools.cache
def _maker(hint: Any) -> _Make:
    """Return what makes a value of a type from plain ones; it raises where they do not fit."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        return _record_maker(typing.cast("type[object]", hint))
    if (some := unless_none(hint)) is not None:
        inner = _maker(some)
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _maker(arguments[0])
        return lambda value: tuple([item(each) for each in _of(list)(value)])
    if origin is np.ndarray:
        return lambda value: np.frombuffer(base64.b64decode(value, validate=True), "<f8").copy()
    if origin is Literal:
        return functools.partial(_one_of, arguments)
    if hint is datetime:
        return datetime.fromisoformat
    if hint is float:
        # JSON has one kind of number.
        return _of(float, int)
    return _of(dict if origin is not None else hint)


def _record_maker(record: type[Any]) -> _Make:
    makers = {name: _maker(hint) for name, hint in hints_of(record).items()}

    def make(value: Any) -> object:
        given = _of(dict)(value)
        return record(**{name: makers[name](item) for name, item in given.items()})

    return make


def _of(*kinds: type) -> _Make:
    def check(value: object) -> object:
        # Exactly: True is no number here.
        if type(value) not in kinds:
            raise ValueError(f"{value!r} is no {kinds[0].__name__}")
        return value

    return check


def _one_of(choices: tuple[object, ...], value: object) -> object:
    if value not in choices:
        raise ValueError(f"{value!r} is none of {choices}")
    return value
