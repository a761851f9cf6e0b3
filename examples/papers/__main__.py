"""``python -m examples.papers``: measure by the protocols of papers, and draw their figures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from embstore.errors import EmbstoreError
from examples.papers.run import run_protocols


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the protocols and say where things are."""
    parser = argparse.ArgumentParser(prog="python -m examples.papers", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("papers"), help="a folder for stores and pictures"
    )
    parser.add_argument(
        "--training",
        type=Path,
        default=Path("training-series/neox-seed-0"),
        help="the checkpoints of a training, as make training-series leaves them",
    )
    given = parser.parse_args(arguments)
    if not given.training.is_dir():
        _tell(f"error: no folder {given.training}; run make training-series first")
        return 2
    try:
        pictures = run_protocols(given.out, given.training, tell=_tell)
    except EmbstoreError as error:
        _tell(f"error: {error}")
        return error.exit_code
    _tell(f"{len(pictures)} pictures and the stores are in {given.out}")
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command says what it does


if __name__ == "__main__":
    sys.exit(main())
