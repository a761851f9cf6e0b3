"""Spectra of few tokens for each dimension are biased."""

from pathlib import Path

import pytest

from embstore.api.store import Store
from embstore.asking.few_vectors import describe_few
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def small(tmp_path: Path) -> Store:
    """Model a has 256 tokens for 8 dimensions, b for 40."""
    runs = [make_run(name="a"), make_run(name="b", hidden_size=40)]
    return Store(new_store(tmp_path / "s.duckdb", runs))


@pytest.mark.slow
def test_answers_and_charts_say_so_of_metrics_that_are_biased(small: Store) -> None:
    expected = "anisotropy is biased: 256 tokens are fewer than 10 for each of 40 dimensions."
    assert small.query("layer_profile").notes == (expected,)
    assert "anisotropy is biased" in str(small.chart("layer_profile").to_dict()["title"])


def test_others_need_none_and_many_tokens_neither(small: Store) -> None:
    assert small.query("layer_profile", metric="mean_cosine").notes == ()
    assert small.query("layer_profile", models=["a"]).notes == ()
    assert small.query("runs").notes == ()


def test_ten_a_dimension_are_enough() -> None:
    assert describe_few(["stable_rank"], 640, 64) is None
    assert describe_few(["stable_rank"], 639, 64) is not None
