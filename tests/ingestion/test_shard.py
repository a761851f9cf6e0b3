"""Shares of an ingest's checkpoints: told apart, divided alike everywhere, and together all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.checkpoints.find import Candidate, find
from embstore.checkpoints.located import Permissions
from embstore.checkpoints.revisions import Revision
from embstore.errors import ModelError, UsageError
from embstore.ingestion import division
from embstore.ingestion.division import divide, share_of
from embstore.ingestion.request import Settings
from embstore.ingestion.shard import Shard, parse_shard


@pytest.mark.parametrize("given", ["2", "2/", "a/b", "2/8/9", "-1/8", "2 / 8", "", "٢/٨"])
def test_what_is_no_share_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"^shard is .+; give I/N, for example 2/8"):
        parse_shard(given)


@pytest.mark.parametrize("given", ["0/8", "9/8", "1/0", "0/0"])
def test_shares_are_counted_from_one(given: str) -> None:
    with pytest.raises(UsageError, match=r"shares are counted from 1 to"):
        parse_shard(given)


@pytest.mark.parametrize(
    ("usual", "own", "every"),
    [
        (None, "embstore-2-of-8.duckdb", "embstore-*-of-8.duckdb"),
        ("runs/a.db", "runs/a-2-of-8.db", "runs/a-*-of-8.db"),
        ("plain", "plain-2-of-8", "plain-*-of-8"),
        ("ducklake:postgres:dbname=x", "ducklake:postgres:dbname=x", "ducklake:postgres:dbname=x"),
    ],
)
def test_each_share_has_a_file_of_its_own(
    usual: str | None, own: str, every: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMBSTORE_STORE", raising=False)
    if usual is not None:
        monkeypatch.setenv("EMBSTORE_STORE", usual)
    shard = parse_shard("2/8")
    assert (shard.own_store(), shard.all_stores()) == (own, every)


@given(st.lists(st.integers(0, 1000).map(float), max_size=40), st.integers(1, 12))
def test_no_two_shares_differ_by_more_than_one_checkpoint(costs: list[float], count: int) -> None:
    share = divide(costs, count)
    assert share == divide(costs, count)
    loads = [sum(c for c, s in zip(costs, share, strict=True) if s == i) for i in range(count)]
    assert sum(loads) == sum(costs)
    assert max(loads) - min(loads) <= max(costs, default=0.0)


@pytest.mark.parametrize(("n", "count"), [(154, 8), (7, 3), (3, 5)])
def test_equal_checkpoints_make_equal_shares(n: int, count: int) -> None:
    share = divide([2.5] * n, count)
    sizes = sorted(share.count(index) for index in range(count))
    assert sizes[-1] - sizes[0] <= 1
    assert share[: min(n, count)] == list(range(min(n, count)))


def test_a_large_model_outweighs_several_small_ones(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = [
        one for name in ("large", "a", "b", "c", "d") for one in find(str(tiny_llama), name=name)
    ]
    monkeypatch.setattr(division, "_cost", lambda one, *_: 4.0 if one.name == "large" else 1.0)
    parts = [
        [one.name for one in share_of(candidates, Shard(i, 2), Settings(), Permissions())]
        for i in (1, 2)
    ]
    assert parts == [["large"], ["a", "b", "c", "d"]]


def test_costs_grow_with_what_is_asked(tiny_llama: Path) -> None:
    (one,) = find(str(tiny_llama))
    costs = [
        division._cost(one, Settings(metrics=metrics, intervals=intervals), Permissions())
        for metrics, intervals in (
            (("norm_p50",), False),
            (("twonn",), True),
            (Settings().metrics, True),
        )
    ]
    assert costs == sorted(costs)
    assert costs[0] > 0


def test_a_folder_that_cannot_be_read_goes_to_some_share_and_fails_there(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (good,) = find(str(tiny_llama))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    candidates = [good, *find(str(broken))]
    shares = [share_of(candidates, Shard(i, 2), Settings(), Permissions()) for i in (1, 2)]
    assert sorted(one.name for share in shares for one in share) == sorted(
        one.name for one in candidates
    )


def test_a_model_of_the_hub_that_does_not_answer_stops_the_division(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = find(str(tiny_llama))
    away = Candidate("lab/model", "hub", "lab/model", Revision("main"))

    def no_answer(*_: object) -> float:
        raise ModelError("lab/model cannot be reached")

    monkeypatch.setattr(division, "_cost", no_answer)
    with pytest.raises(ModelError, match=r"^the checkpoints cannot be divided: lab/model cannot"):
        share_of([one, away], Shard(1, 2), Settings(), Permissions())
