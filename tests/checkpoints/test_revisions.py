"""What revision names say, and which of many are chosen."""

import re

import pytest

from embstore.checkpoints.revisions import (
    Revision,
    in_training_order,
    parse_revision,
    select_revisions,
)
from embstore.errors import ModelError, UsageError


@pytest.mark.parametrize(
    ("name", "step", "tokens"),
    [
        ("step1000", 1000, None),
        ("step0", 0, None),
        ("step1000-tokens4B", 1000, 4 * 10**9),
        ("global_step1000", 1000, None),
        ("checkpoint-1000", 1000, None),
        ("stage1-step1000-tokens5B", 1000, 5 * 10**9),
        ("stage2-ingredient3-step11931-tokens50B", 11_931, 50 * 10**9),
        ("step-50K-105b", 50_000, None),
        ("iter_0001000", 1000, None),
        ("tokens1.1T", None, 1_100_000_000_000),
        ("tokens500M-step250", 250, 500_000_000),
        ("ckpt_250", 250, None),
        ("step_100_000", 100_000, None),
        ("step1,234,500-tokens4B", 1_234_500, 4 * 10**9),
        ("step_100_000_tokens_4B", 100_000, 4 * 10**9),
        ("step1.5k", 1500, None),
        ("step2.5M_5B", 2_500_000, None),
        ("step1000_20260101", 1000, None),
        ("step12_last", 12, None),
        ("step1000.bak", 1000, None),
        # Where the number ends cannot be told.
        ("step_100_00", None, None),
        ("step_100_000_00", None, None),
        ("step_1_000,000", None, None),
        ("step1000,000", None, None),
        ("step1.5", None, None),
        ("step1.5B", None, None),
        ("main", None, None),
        ("v2", None, None),
        ("footsteps12", None, None),
        ("step12abc", None, None),
        ("a" * 40, None, None),
        # More digits than any number has, and than Python reads.
        *((f"{what}{'9' * 5000}", None, None) for what in ("step", "stage", "tokens")),
    ],
)
def test_step_and_tokens_from_a_name(name: str, step: int | None, tokens: int | None) -> None:
    assert parse_revision(name) == Revision(name, step, tokens)


SERIES = [parse_revision(name) for name in ("main", "step10", "step9", "step100", "step1", "v2")]


def names(wanted: str, **options: bool) -> list[str]:
    return [revision.name for revision in select_revisions(wanted, SERIES, of="gpt", **options)]


def test_training_order_is_by_stage_and_number_and_not_by_letter() -> None:
    stages = [parse_revision(name) for name in ("stage2-step5", "stage1-step1000", "main")]
    assert [r.name for r in in_training_order(stages)] == [
        "stage1-step1000",
        "stage2-step5",
        "main",
    ]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("all", ["step1", "step9", "step10", "step100", "main", "v2"]),
        ("step*", ["step1", "step9", "step10", "step100"]),
        ("step1?", ["step10"]),
        ("step[19]", ["step1", "step9"]),
        ("every:2", ["step1", "step10"]),
        ("every:1", ["step1", "step9", "step10", "step100"]),
        ("every:9,main", ["step1", "main"]),
        (" v2 , step9 ", ["step9", "v2"]),
        ("step9,step9,step*", ["step1", "step9", "step10", "step100"]),
    ],
)
def test_revisions_are_chosen_once_each_in_training_order(wanted: str, chosen: list[str]) -> None:
    assert names(wanted) == chosen


def test_a_name_that_looks_like_a_pattern_can_be_asked_for() -> None:
    there = [Revision("step[1]"), Revision("step1")]
    assert [r.name for r in select_revisions("step[1]", there, of="gpt")] == ["step[1]"]


def test_a_commit_may_be_asked_for_where_names_need_not_be_listed() -> None:
    assert names("step1,0123abc", exact=False) == ["step1", "0123abc"]


@pytest.mark.parametrize(
    ("wanted", "kind", "message"),
    [
        ("", UsageError, "revisions is empty"),
        ("every:0", UsageError, "give a whole number, as in every:10"),
        ("every:x", UsageError, "give a whole number"),
        ("every:" + 5000 * "9", UsageError, "give a whole number"),
        ("step7", ModelError, "gpt has no revision 'step7'; there are step1, step9, step10"),
        ("nothing*", ModelError, "gpt has no revision 'nothing*'"),
    ],
)
def test_what_cannot_be_chosen(wanted: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        names(wanted)


def test_a_series_without_steps_has_no_every() -> None:
    with pytest.raises(ModelError, match="there are main, v2"):
        select_revisions("every:2", [parse_revision("v2"), parse_revision("main")], of="gpt")


def test_many_revisions_are_not_all_shown() -> None:
    many = [parse_revision(f"step{n}") for n in range(1000)]
    with pytest.raises(ModelError, match=r"there are step0, .* and 992 more$"):
        select_revisions("main", many, of="gpt")
