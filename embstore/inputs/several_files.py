"""Texts that lie in several files: those of a folder, or those whose paths fit a pattern."""

import glob
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from embstore.errors import CorpusError


def has_wildcards(spec: str) -> bool:
    """Tell whether a path is a pattern, such as ``articles/**/*.txt``."""
    return glob.has_magic(spec)


def visible_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of the folders in it, without hidden ones."""
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.is_file():
            yield file


def files_in(folder: Path, is_known: Callable[[Path], bool]) -> list[Path]:
    """Return the files of a folder and of the folders in it, in the order of their paths.

    Hidden ones are left aside, and those of another format, such as a licence beside texts.

    Raises:
        CorpusError: there is none.
    """
    found = _sorted(visible_in(folder), is_known)
    if not found:
        raise CorpusError(
            "a folder without a text that is known by its suffix, and without images; give a "
            "folder of texts, a pattern such as 'folder/*.txt', or hf: and the folder of a data set"
        )
    return found


def files_like(pattern: str, is_known: Callable[[Path], bool]) -> list[Path]:
    """Return the files that fit a pattern, in the order of their paths; ``**`` is any folders.

    Raises:
        CorpusError: there is none, or one is of a format that is not known.
    """
    matched = [Path(name) for name in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 - absolute ones, too
    files = [file for file in matched if file.is_file()]
    if not files:
        raise CorpusError("no file fits this pattern; check it")
    if unknown := sorted(file for file in files if not is_known(file)):
        raise CorpusError(
            f"{unknown[0]}, which fits this pattern, is of a format that is not known; narrow it"
        )
    return _sorted(files, is_known)


def _sorted(files: Iterable[Path], is_known: Callable[[Path], bool]) -> list[Path]:
    return sorted((f for f in files if f.is_file() and is_known(f)), key=lambda f: f.as_posix())
