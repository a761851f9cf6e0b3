"""Runs every benchmark and writes benchmarks/RESULTS.md: ``make bench``.

Each part runs in a process of its own, with the threads it is meant to have, and saves
what it found; the report is made of the latest findings of every part.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, report, sections
from benchmarks.scale import Scale

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Part:
    """One part of the suite.

    Attributes:
        module: where its function is.
        function: takes the scale and returns a section.
        threads: cores and threads of its process; None for all.
        minutes: about how long it takes on two cores.
        environment: further variables for its process.
    """

    module: str
    function: str = "run"
    threads: int | None = 1
    minutes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


PARTS = {
    # glibc reads the variable once, when a process starts.
    "llm-microscope": Part(
        "peers_llm_microscope",
        minutes=15,
        environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    ),
    "llm-microscope-plain": Part("peers_llm_microscope", "plain_pages", minutes=3),
    "scikit-dimension": Part("peers_skdim", minutes=5),
    "torchid": Part("peers_torchid", minutes=5),
    "dadapy": Part("peers_dadapy", minutes=4),
    "accuracy": Part("accuracy", threads=2, minutes=10),
    "coverage": Part("coverage", threads=None, minutes=60),
    "forward": Part("forward", threads=2, minutes=6),
    "documents": Part("documents", threads=2, minutes=5),
    "limit": Part("limit", minutes=6),
    "neighbors": Part("neighbors", minutes=15),
    "paired": Part("paired", threads=2, minutes=6),
    "growth": Part("growth", threads=2, minutes=8),
    "asking": Part("asking", threads=None, minutes=3),
    "size": Part("size", threads=None, minutes=6),
    "cluster": Part("cluster", threads=None, minutes=5),
    "scheduler": Part("scheduler", threads=None, minutes=15),
    "live": Part("live", threads=2, minutes=6),
    "lake": Part("lake", threads=None, minutes=4),
    "gpu": Part("gpu", threads=None, minutes=5),
}
GROUPS = {
    "peers": ["llm-microscope", "llm-microscope-plain", "scikit-dimension", "torchid", "dadapy"]
}


def main() -> None:
    options = _options()
    scale = Scale(options.cache, options.quick)
    if options.part:
        _run_part(options.part, scale, options.findings)
        return
    if os.environ.get("OPENBLAS_CORETYPE"):
        print("OPENBLAS_CORETYPE is set, which slows NumPy alone; it is taken out for the suite.")
    failed = [name for name in options.only if not _start(name, options, scale)]
    parts = [sections.load(file) for name in PARTS if (file := _findings(scale, name)).exists()]
    if parts:
        options.out.write_text(report.markdown(parts, quick=options.quick))
        print(f"{options.out} written")
    if failed:
        raise SystemExit(f"{', '.join(failed)} failed; the report has what was found before")


def _start(name: str, options: argparse.Namespace, scale: Scale) -> bool:
    """Run one part in a process of its own; tell whether it succeeded."""
    part = PARTS[name]
    duration = "" if options.quick else f", about {part.minutes} minutes"
    print(f"{name}{duration} …", flush=True)
    scale.cache.mkdir(parents=True, exist_ok=True)
    environment = os.environ | part.environment
    environment.pop("OPENBLAS_CORETYPE", None)
    if part.threads is not None:
        environment |= machine.thread_limits(part.threads)
    file = _findings(scale, name)
    command = [sys.executable, "-m", "benchmarks.suite", "--part", name, "--findings", str(file)]
    command += ["--cache", str(options.cache), *(["--quick"] if options.quick else [])]
    with machine.on_cores(part.threads):
        return subprocess.run(command, env=environment, check=False).returncode == 0


def _run_part(name: str, scale: Scale, file: Path) -> None:
    """Run one part in this process and save what it found."""
    part = PARTS[name]
    began = time.perf_counter()
    function = getattr(importlib.import_module(f"benchmarks.{part.module}"), part.function)
    section = function(scale)
    circumstances = sections.Circumstances(
        date=datetime.now(UTC).date().isoformat(),
        commit=machine.commit(),
        machine=machine.describe(),
        threads=f"threads: {part.threads or 'all'}",
        versions=machine.versions(),
        seconds=time.perf_counter() - began,
    )
    sections.save(file, section, circumstances)


def _findings(scale: Scale, name: str) -> Path:
    folder = "findings-quick" if scale.quick else "findings"
    return scale.cache / folder / f"{name}.json"


def _options() -> argparse.Namespace:
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__)
    known = ", ".join([*GROUPS, *PARTS])
    parser.add_argument("--only", type=_names, default=list(PARTS), metavar="A,B", help=known)
    parser.add_argument("--quick", action="store_true", help="a smoke check, everything tiny")
    parser.add_argument("--cache", type=Path, default=home / "embstore-benchmarks")
    parser.add_argument("--out", type=Path, help="default: benchmarks/RESULTS.md; quick: a scratch")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--findings", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.out is None:
        options.out = Path(tempfile.gettempdir(), RESULTS.name) if options.quick else RESULTS
    return options


def _names(text: str) -> list[str]:
    names = [name for given in text.split(",") for name in GROUPS.get(given, [given])]
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    return names


if __name__ == "__main__":
    main()
