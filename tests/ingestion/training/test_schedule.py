import pytest

from embstore.errors import UsageError
from embstore.ingestion.training.schedule import Every, parse_schedule


@pytest.mark.parametrize(
    ("every", "due"),
    [
        ("log", [0, 1, 2, 4, 8, 16]),
        (5, [0, 5, 10, 15]),
        ([3, 7, 3], [3, 7]),
        (range(0, 20, 10), [0, 10]),
        ("save", []),
    ],
)
def test_which_steps_are_due(every: Every, due: list[int]) -> None:
    schedule = parse_schedule(every)
    assert [step for step in range(17) if schedule.is_due(step)] == due
    assert schedule.on_save == (every == "save")


@pytest.mark.parametrize("every", ["", "LOG", 0, -1, 1.5, True, None, [], [1, -2], ["a"], [True]])
def test_what_is_no_schedule_is_refused(every: object) -> None:
    with pytest.raises(UsageError, match="every"):
        parse_schedule(every)  # type: ignore[arg-type]
