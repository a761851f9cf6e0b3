"""What is said of a measured model, and how sizes are written."""

import pytest

from embstore.cli.dry_run import readable_bytes
from embstore.cli.outcomes import tell
from embstore.ingestion.outcome import Outcome


def test_a_poor_approximate_search_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    for recall in (None, 1.0, 0.98, 0.9771):
        tell(
            Outcome(*("m", "main", "measured", "0" * 32, 32_768), seconds=60.0, least_recall=recall)
        )
    said = capsys.readouterr()
    *measured, warning = said.err.splitlines()
    assert len(measured) == 4
    assert said.out == ""
    assert warning.startswith("warning: m@main: the approximate search found 0.977 of the true ")
    assert "less than 0.98; " in warning


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_234, "1.23 kB"),
        (12_345, "12.3 kB"),
        (149_376, "149 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (9_999_999, "10.0 MB"),
        (30_019_698_688, "30.0 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_have_three_digits(size: int, text: str) -> None:
    assert readable_bytes(size) == text
