"""Finds the folders that stand at the top of the checkout and inside the wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def resource_folder(name: str) -> Path:
    """Return the folder ``migrations`` or ``queries``, installed or in a checkout."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name
