"""Which files of an export are missing or damaged, and what an export again can mend of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from embstore.common.messages import listed
from embstore.errors import StoreError
from embstore.store.exports.export_files import Manifest, fact_path, number_path, sha256


@dataclass(frozen=True)
class Damage:
    """What is wrong with an export that is about to be written to.

    Attributes:
        sound: its manifest without what is to be written anew.
        mendable: damaged files that are.
        lost: runs with damaged files that the store does not have.
    """

    sound: Manifest
    mendable: Collection[str]
    lost: Collection[str]


def damaged_files(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Return which files of an export are missing or differ from their checksum, each with why."""
    damaged = {}
    for name, file in manifest.files().items():
        try:
            path = folder / name
            if path.stat().st_size != file.size or sha256(path) != file.sha256:
                damaged[name] = "differs from its checksum"
        except OSError as error:
            damaged[name] = f"cannot be read ({(error.strerror or str(error)).lower()})"
    return damaged


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file of an export with its checksum.

    Raises:
        StoreError: one is missing or differs.
    """
    for name, what in damaged_files(folder, manifest).items():
        raise _damaged(folder / name, f"{what}, and nothing of the export was taken")


def check_read(folder: Path, manifest: Manifest) -> None:
    """Say which file is damaged, once reading an export has failed.

    Raises:
        StoreError: one is missing or differs.
    """
    for name, what in damaged_files(folder, manifest).items():
        raise _damaged(folder / name, what)


def _damaged(file: Path, what: str) -> StoreError:
    return StoreError(
        f"{file} {what}: fetch it again, or export the store again, which writes damaged files anew"
    )


def find_damage(folder: Path, manifest: Manifest, stored: Iterable[str]) -> Damage:
    """Return what of an export is damaged, before the runs of a store are written to it.

    Raises:
        StoreError: a damaged table describes runs that the store does not have.
    """
    damaged = damaged_files(folder, manifest)
    tables = {
        table: file
        for table, file in manifest.tables.items()
        if fact_path(table, file) not in damaged
    }
    others = manifest.runs.keys() - set(stored)
    if len(tables) < len(manifest.tables) and others:
        gone = [name for name in damaged if name.startswith("tables/")]
        raise StoreError(
            f"{folder} is damaged ({listed(gone)}), and {len(others):,} of its runs are not in "
            "this store, which could write it anew: fetch the folder again, or export all stores "
            "into a new folder"
        )
    broken = {
        run_id
        for run_id, files in manifest.runs.items()
        if any(number_path(run_id, table, file) in damaged for table, file in files.items())
    }
    runs = {
        run_id: files
        for run_id, files in manifest.runs.items()
        if run_id in others or run_id not in broken
    }
    sound = replace(manifest, tables=tables, runs=runs)
    of_others = sound.files()
    return Damage(
        sound=sound,
        mendable=[name for name in damaged if name not in of_others],
        lost=broken & others,
    )
