"""Norm of first tokens against NumPy."""

from pathlib import Path

import numpy as np
import pytest

from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of
from tests.metrics.of_the_model import assert_is_the_mean, measured


@pytest.mark.parametrize("terms", [(), ("first_token_norm",)])
def test_it_is_the_mean_length_of_each_windows_first_state(
    terms: tuple[str, ...], tmp_path: Path
) -> None:
    windows = measured(tmp_path, "llama", *terms)
    states = windows.own["hidden_states"]
    assert isinstance(states, tuple)
    for layer, site in ((0, "embedding"), (1, "block"), (3, "final_norm")):
        lengths = np.linalg.norm(states[layer].double().numpy()[:, 0], axis=-1)
        found = windows.found["first_token_norm", layer, site, "all"]
        assert_is_the_mean(found, lengths, atol=2e-5)
    for scope in ("no_first", "no_sinks"):
        missing = windows.found["first_token_norm", 1, "block", scope]
        assert missing.reason == "the scope has no first tokens, or each window is one vector"


def test_vectors_without_their_model_have_none() -> None:
    cloud = cloud_of(np.random.default_rng(0).normal(size=(40, 6)))
    for name in ("first_token_norm", "window_loss", "sink_rate"):
        assert np.isnan(METRICS[name].compute(cloud))
        assert METRICS[name].why(cloud, 40)
