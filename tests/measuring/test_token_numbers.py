"""Means over windows of what tokens have, against loops."""

from typing import Any

import numpy as np
import pytest
import torch

from embstore.choices import TOKEN_SCOPES
from embstore.measuring.scopes import FIRST, GROUPS, REST, SINK
from embstore.measuring.token_numbers import WindowMeans
from embstore.metrics.selection import Selection, choose_metrics
from embstore.types import LayerKey

KEY, OTHER = LayerKey("decoder", 1, "block"), LayerKey("decoder", 2, "block")
N, T, HEADS = 6, 9, 5


@pytest.fixture
def taken() -> tuple[WindowMeans, dict[str, Any]]:
    """Six windows in two batches that come out of order; one has two tokens, one of them a sink."""
    rng = np.random.default_rng(0)
    means = WindowMeans(TOKEN_SCOPES, Selection(choose_metrics(["head", "attention"])))
    order = np.array([4, 0, 2, 5, 1, 3])
    lengths = np.array([9, 4, 9, 7, 2, 9])
    mask = np.arange(T) < lengths[:, np.newaxis]
    groups = np.full((N, T), REST, dtype=np.int8)
    groups[:, 0] = FIRST
    groups[[0, 4], [3, 1]] = SINK
    loss = rng.exponential(size=(N, T))
    loss[np.arange(N), lengths - 1] = np.nan
    # Heads that look at the first token more or less.
    first = rng.beta(2, 5, size=(N, T, HEADS))
    state = torch.from_numpy(rng.normal(size=(N, T, 3)))
    for windows in (order[:4], order[4:]):
        numbers = {
            KEY: {"loss": loss[windows], "attention to first": first[windows]},
            OTHER: {"loss": "for a reason"},
        }
        means.add(
            {KEY: state[windows], OTHER: state[windows]},
            numbers,  # type: ignore[arg-type]
            mask[windows],
            groups[windows],
            windows,
        )
    return means, {"loss": loss, "first": first, "mask": mask, "groups": groups, "state": state}


@pytest.mark.parametrize("scope", TOKEN_SCOPES)
def test_each_window_has_the_mean_of_its_tokens_in_the_order_of_the_draw(
    taken: tuple[WindowMeans, dict[str, Any]], scope: Any
) -> None:
    means, given = taken
    found = means.of(KEY, scope)
    for window in range(N):
        chosen = [
            t
            for t in range(T)
            if given["mask"][window, t] and given["groups"][window, t] in GROUPS[scope]
        ]
        losses = [x for t in chosen if not np.isnan(x := given["loss"][window, t])]
        loss = sum(losses) / len(losses) if losses else np.nan
        assert found["loss"][window] == pytest.approx(loss, rel=1e-12, nan_ok=True)
        sinks = [
            sum(given["first"][window, t, head] for t in chosen) / len(chosen) > 0.3
            for head in range(HEADS)
            if chosen
        ]
        rate = sum(sinks) / HEADS if chosen else np.nan
        assert found["attention to first"][window] == pytest.approx(rate, nan_ok=True)
    # Some heads have their sink there, others have not.
    assert 0 < np.nanmean(found["attention to first"]) < 1


def test_first_norms_are_of_first_tokens(taken: tuple[WindowMeans, dict[str, Any]]) -> None:
    means, given = taken
    expected = np.linalg.norm(given["state"].numpy()[:, 0], axis=1)
    assert means.of(OTHER, "all")["first norm"] == pytest.approx(expected, rel=1e-12)
    assert np.isnan(means.of(KEY, "no_first")["first norm"]).all()


def test_what_a_layer_lacks_has_a_reason(taken: tuple[WindowMeans, dict[str, Any]]) -> None:
    means, _ = taken
    assert means.why_not(OTHER) == {"loss": "for a reason"}
    assert "loss" not in means.of(OTHER, "all")
    assert means.why_not(KEY) == {}


def test_nothing_is_kept_that_nothing_asks_for() -> None:
    means = WindowMeans(("all",), Selection())
    mask = np.ones((2, 3), dtype=np.bool_)
    groups = np.zeros((2, 3), dtype=np.int8)
    means.add({KEY: torch.zeros(2, 3, 4)}, {}, mask, groups, np.arange(2))
    assert means.of(KEY, "all") == {}
