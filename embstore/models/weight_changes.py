"""Whether a model has changed its own weights."""

from collections.abc import Iterable

from torch import Tensor


def changes_of(weights: Iterable[Tensor]) -> list[int]:
    """Return how often each weight was changed in place; 0 where torch does not count.

    It does not where weights were made in ``torch.inference_mode``.
    """
    return [0 if weight.is_inference() else weight._version for weight in weights]
