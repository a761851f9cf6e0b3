"""Finds a study, one's own or one that embstore ships, and reads its text."""

from pathlib import Path

from embstore.common.messages import closest
from embstore.common.paths import expanded
from embstore.errors import UsageError

_FOLDER = Path(__file__).parent
# A study is text that people write; anything longer is another kind of file.
_MAX_BYTES = 1 << 20


def shipped_studies() -> dict[str, Path]:
    """Return the studies that come with embstore, by name.

    >>> "shape-of-learning" in shipped_studies()
    True
    """
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"), key=lambda path: path.stem)}


def study_path(spec: str | Path) -> Path:
    """Return the file a study is in: the one named, else the shipped one of that name.

    Raises:
        UsageError: neither is there; lists the shipped ones.
    """
    if not str(spec):
        raise UsageError("study is empty; name a file or a study that embstore ships")
    path, shipped = Path(expanded(spec)), shipped_studies()
    if exists(path) and not (path.is_dir() and str(spec) in shipped):
        return path
    if str(spec) in shipped:
        return shipped[str(spec)]
    hint = closest(Path(spec).stem, shipped)
    raise UsageError(
        f"no study {str(spec)!r}{hint}; give a TOML file, or one that embstore ships: "
        f"{', '.join(shipped)}"
    )


def study_text(path: Path) -> str:
    """Return the text of a study's file.

    Raises:
        UsageError: it cannot be read, is too large for a study, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"study {path}: cannot be read ({reason}); give a TOML file") from error
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"study {path}: larger than a megabyte; give a TOML file")
    try:
        # Editors on Windows put a byte order mark, which TOML has not.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"study {path}: byte {error.start:,} is not UTF-8 text; give a TOML file"
        ) from error


def resolved(spec: str, study: Path) -> str:
    """Make a path that starts at the study's folder absolute; anything else stays."""
    path = study.absolute().parent / spec
    if spec.startswith(("./", "../")) or exists(path):
        return str(path)
    return spec


def exists(path: Path) -> bool:
    """Tell whether a file or folder is there; also of what no file can be called."""
    try:
        return path.exists()
    except OSError:
        # A Hub id or a pattern may be longer than names may be.
        return False
