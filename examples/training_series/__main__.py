"""``python -m examples.training_series``: train, measure live and again, compare, draw."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from transformers.utils.logging import disable_progress_bar

from embstore.errors import EmbstoreError
from examples.training_series.plan import Plan
from examples.training_series.results import RESULTS
from examples.training_series.series import run_series

PICTURES = Path(__file__).parents[2] / "docs" / "images"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the series and say where things are."""
    parser = argparse.ArgumentParser(prog="python -m examples.training_series", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("training-series"), help="a new folder for everything made"
    )
    parser.add_argument(
        "--renew",
        action="store_true",
        help="also put pictures and numbers where docs/training-series.md has them",
    )
    given = parser.parse_args(arguments)
    if given.out.exists() and any(given.out.iterdir()):
        return _failed(f"the folder {given.out} is not empty; give a new one with --out")
    try:
        made = run_series(Plan(), given.out, tell=_tell)
    except EmbstoreError as error:
        return _failed(str(error))
    worst = made.agreement[0]
    _tell(
        f"live and saved differ most in {worst.metric}: by {worst.relative:.1e} of the number "
        f"({worst.at})"
    )
    if given.renew:
        for files, folder in ((made.pictures, PICTURES), (made.results, RESULTS)):
            for file in files:
                shutil.copy(file, folder)
    _tell(f"stores, numbers and pictures are in {given.out}")
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command says what it does


def _failed(why: str) -> int:
    _tell(f"error: {why}")
    return 1


if __name__ == "__main__":
    # One for each model that is saved or loaded.
    disable_progress_bar()
    sys.exit(main())
