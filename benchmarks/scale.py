"""How much the suite measures: all of it, or a little of everything."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scale:
    """Sizes of every part.

    Attributes:
        cache: where peers are installed and hidden states are saved.
        quick: a smoke check: everything tiny, the numbers mean nothing.
    """

    cache: Path
    quick: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of a layer that peers and accuracy are measured on."""
        return 1024 if self.quick else 4096

    @property
    def wide(self) -> tuple[int, int]:
        """Tokens and width of the synthetic layer; a linear map needs more tokens than width."""
        return (512, 256) if self.quick else (5120, 4096)

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Layers of the demo's models, as (model, layer); each is paired with its next.

        Of SmolLM2 the embedding, full of duplicates, and two with massive activations.
        """
        return [(0, 12), (1, 3)] if self.quick else [(0, 0), (0, 12), (0, 20), (1, 3)]

    def repeats(self, wanted: int) -> int:
        """Runs of the peer."""
        return 1 if self.quick else wanted
