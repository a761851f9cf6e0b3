"""The machine, what a process may use of it, and the versions that decide the times."""

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import embstore
from embstore.ingestion.provenance import git_state

PACKAGES = (
    *("embstore", "torch", "transformers", "numpy", "scipy", "numba", "scikit-learn"),
    *("scikit-dimension", "pynndescent"),
)
_MEMORY_SHARE = 0.75
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def describe() -> str:
    """Name processor, cores, memory, system and its rule for huge pages in one line."""
    gigabytes = _physical_memory() / 2**30
    library = " ".join(platform.libc_ver()).strip() or "another C library"
    rule = _HUGE_PAGES.read_text() if _HUGE_PAGES.exists() else ""
    # The rule in force stands in brackets among the others.
    chosen = rule.partition("[")[2].partition("]")[0] or "unknown"
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {gigabytes:.0f} GB; {platform.system()} "
        f"{platform.machine()}, {library}, huge pages: {chosen}"
    )


def versions() -> str:
    """List Python and the packages that the times depend on."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} absent")
    return ", ".join(found)


def commit() -> str:
    """Name embstore's commit, and say if files differ from it."""
    found, changed = git_state(Path(embstore.__file__).parent)
    return f"{found or 'unknown'}{' with changes' if changed else ''}"


def thread_limits(threads: int) -> dict[str, str]:
    """Return the variables that hold every numerical library to so many threads."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
    return {f"{library}_NUM_THREADS": str(threads) for library in libraries}


@contextmanager
def on_cores(n: int | None) -> Iterator[None]:
    """Let the processes that are started meanwhile use ``n`` cores, where the system can."""
    if n is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(usual)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def limit_memory() -> None:
    """Turn what would get the machine's other work killed into a MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(_MEMORY_SHARE * _physical_memory()), hard))


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu_model() -> str:
    """Name the processor; a virtual machine may have its family's name only, so also by number."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    said = [(name.strip(), value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    # Of the first of all processors.
    known = dict(reversed(said))
    if "model name" not in known:
        return platform.processor() or platform.machine()
    if not {"cpu family", "model"} <= known.keys():
        return known["model name"]
    return f"{known['model name']} (family {known['cpu family']}, model {known['model']})"
