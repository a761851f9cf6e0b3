"""What is trained and what is measured: every number that decides the outcome stands here."""

from dataclasses import dataclass

# Doubling: early on a step changes much, later a hundred change little. Not 1: the Trainer's rate
# rises from 0 and is 0 at the first step, so that checkpoint would be a copy of the untrained one.
_LOG_STEPS = (0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Plan:
    """One training, repeated with several seeds, and its measurement.

    Attributes:
        layers: blocks of the GPT-NeoX.
        hidden_size: of its states; a multiple of ``heads``.
        heads: of attention.
        vocabulary: tokens of the byte-level BPE, at least 257: the bytes and the end of a text.
        window: tokens of one sequence, in training and in measuring.
        batch: sequences of one step.
        learning_rate: reached after ``warmup`` steps, and constant from there: a rate that falls
            would bend the curves at its own pace.
        warmup: steps over which the rate rises.
        steps: the checkpoints of the first seed, 0 and ascending; the last ends the training.
        repeated: those of the other seeds, which train as far as the last of them.
        seeds: of the weights and of the order of the text; the first is the main one.
        articles: of the excerpt, from its first; None takes all 106.
        held_out: every so manieth article is measured and never trained on.
        evaluated: every so manieth window of those gives the loss, and the control with one
            occurrence of each token.
        tokens: of the held-out text, fed to each checkpoint.
        sample: of those, kept for neighbours.
        metrics: as ``embstore ingest --metrics``.
    """

    layers: int = 8
    hidden_size: int = 160
    heads: int = 5
    vocabulary: int = 4096
    window: int = 128
    batch: int = 8
    learning_rate: float = 1e-3
    warmup: int = 64
    steps: tuple[int, ...] = (*_LOG_STEPS, 1536)
    repeated: tuple[int, ...] = (0, 16, 64, 256, 512)
    seeds: tuple[int, ...] = (0, 1, 2)
    articles: int | None = None
    held_out: int = 10
    evaluated: int = 4
    tokens: int = 8192
    sample: int = 4096
    metrics: str = "default"

    def steps_of(self, seed: int) -> tuple[int, ...]:
        """Return the checkpoints of a seed."""
        return self.steps if seed == self.seeds[0] else self.repeated

    def name_of(self, seed: int) -> str:
        """Return what the folder of a seed's checkpoints, and so its model, is called."""
        return f"neox-seed-{seed}"
