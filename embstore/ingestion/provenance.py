"""Records with which code, packages and machine a run was made.

What a process runs does not change while it runs, so code and packages are looked up once.
"""

import functools
import importlib.metadata
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from embstore._version import __version__
from embstore.types import Measured, Provenance


def collect(
    measured: Measured,
    *,
    device: str,
    attention: str,
    linear: str,
    accumulation_dtype: str,
    batch_size: int,
    seconds: float,
    peak_memory_bytes: int,
) -> Provenance:
    """Describe how a run was made, now that it is measured.

    Args:
        measured: what the pass yielded, with its timings.
        device: where the model ran.
        attention: the attention kernel it ran with.
        linear: what its linear layers ran through.
        accumulation_dtype: of the moments.
        batch_size: windows per forward pass.
        seconds: wall time from loading the weights to the last number.
        peak_memory_bytes: of the process that measured.
    """
    commit, dirty = _own_git_state()
    version = versions()
    return Provenance(
        created_at=datetime.now(UTC),
        embstore_version=version["embstore"],
        git_commit=commit,
        git_dirty=dirty,
        python_version=version["Python"],
        torch_version=version["torch"],
        transformers_version=version["transformers"],
        duckdb_version=_duckdb_version(),
        numpy_version=version["numpy"],
        device=device,
        attention=attention,
        linear=linear,
        accumulation_dtype=accumulation_dtype,
        batch_size=batch_size,
        wall_seconds=seconds,
        forward_seconds=measured.forward_seconds,
        geometry_seconds=measured.geometry_seconds,
        peak_memory_bytes=peak_memory_bytes,
    )


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the versions that may change a number, by name."""
    packages = ("torch", "transformers", "numpy")
    return {
        "embstore": __version__,
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


@functools.cache
def _duckdb_version() -> str:
    return importlib.metadata.version("duckdb")


@functools.cache
def _own_git_state() -> tuple[str | None, bool | None]:
    return git_state(Path(__file__).parents[1])


def git_state(package: Path) -> tuple[str | None, bool | None]:
    """Return the commit embstore runs from and whether it is changed; None outside a checkout.

    Only a checkout of embstore itself counts, not a repository it is installed into. Files that
    git does not track change no number: stores, reports and notes lie beside the code.
    """
    if not (package.parent / ".git").exists():
        return None, None
    try:
        commit, status = (
            subprocess.run(  # noqa: S603 - fixed arguments
                ["git", "-C", str(package.parent), *command],  # noqa: S607 - git from the PATH
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=True,
                timeout=10,
            ).stdout.strip()
            for command in (
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit, bool(status)


def peak_memory_bytes() -> int:
    """Return the largest resident size this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024
