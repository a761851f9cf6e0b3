"""What a tiny model's head and attention make of a few windows: measured, and by transformers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embstore.choices import TOKEN_SCOPES
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.selection import Selection, choose_metrics
from embstore.models.load import Beside
from embstore.types import Measurement
from tests import tiny_models
from tests.models.headed import batches_of, by_transformers, log_shares, token_ids

N_WINDOWS, WINDOW = 5, 13


@dataclass(frozen=True)
class Windows:
    """Five windows of thirteen tokens, and what the model has of them.

    Attributes:
        ids: (windows, window).
        found: by metric, layer, site and scope.
        own: what transformers returns.
    """

    ids: np.ndarray
    found: dict[tuple[str, int, str, str], Measurement]
    own: dict[str, object]

    def log_shares(self) -> np.ndarray:
        """The logarithms of what the model predicts, (windows, window, vocabulary)."""
        return log_shares(self.own["logits"])

    def attention(self, layer: int) -> np.ndarray:
        """The attention of a block, counted from 1, (windows, heads, window, window)."""
        maps = self.own["attentions"]
        assert isinstance(maps, tuple)
        attention: np.ndarray = maps[layer - 1].double().numpy()
        return attention


def measured(folder: Path, family: str = "llama", *terms: str, window: int = WINDOW) -> Windows:
    """Measure a tiny model with its head; two windows at a time."""
    tiny_models.build_headed(family, folder)
    beside = Beside(head=True, attention=True)
    ids = token_ids(N_WINDOWS, window)
    batches = batches_of(tiny_models.load(folder, beside=beside), ids)
    selection = Selection(choose_metrics(terms or ["head", "attention"]))
    result = measure_batches(batches, np.arange(20), Choice(TOKEN_SCOPES, selection))
    found: dict[tuple[str, int, str, str], Measurement] = {
        (m.metric, m.key.layer, m.key.site, m.scope): m for m in result.measurements
    }
    return Windows(ids, found, by_transformers(folder, ids, eager=True))


def assert_is_the_mean(found: Measurement, of_windows: np.ndarray, *, atol: float = 3e-6) -> None:
    """A mean over windows, each once, with their standard error and how far off each is."""
    n = len(of_windows)
    assert found.value is not None
    assert (
        found.value - of_windows.mean() == np.float64(0)
        or abs(found.value - of_windows.mean()) <= atol
    )
    error = of_windows.std(ddof=1) / n**0.5
    if found.std_error is None:
        assert error <= 1e-12 * abs(found.value)
        return
    assert abs(found.std_error - error) <= atol
    assert found.window_effects is not None
    effects = (of_windows - of_windows.mean()) / n
    np.testing.assert_allclose(found.window_effects, effects, atol=atol)
