"""Which sections a page has: those with content, in the order of a reader's questions."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from embstore.report.findings.sentences import Finding
from embstore.report.records import Contents

# The chart that comes first, and the finding that is its title.
View = Literal["profiles", "checkpoints"]

# Fewer show no course, only a difference.
_LEAST_STEPS = 3

# Sections that the script fills: their title and what they show.
VIEWS = {
    "profiles": ("Profiles", "One line per model: a metric from the embedding to the last block."),
    "checkpoints": (
        "Checkpoints",
        "Every checkpoint of one model, coloured in the order of training. The slider goes through "
        "it.",
    ),
    "training": (
        "Training",
        "One model: every layer at every checkpoint. Hatched cells have no number.",
    ),
    "compare": (
        "Compare two",
        "Two checkpoints, of one model or of two: where they differ by more than their errors.",
    ),
    "spectra": (
        "Spectra",
        "Which share of the variance each principal direction carries, the largest first. One "
        "direction far above the others is what makes a layer anisotropic. Last checkpoints only.",
    ),
    "scales": (
        "Dimension by scale",
        "The intrinsic dimension from the distances to each token's k-th and 2k-th neighbour "
        "(Gride). Rely on it where it is flat over a range of scales; noise raises it at the "
        "smallest distances. Last checkpoints only.",
    ),
    "massive": (
        "Massive activations",
        "The largest single coordinates of every layer, over all tokens, with the token each "
        "belongs to. Last checkpoints only.",
    ),
    "coverage": ("Coverage", "What was measured, what failed, and what is undefined."),
    "runs": (
        "Runs",
        "Every number belongs to one run: weights, text, sample and software decide it.",
    ),
}

# Tables to look something up in: they open when they are asked for.
FOLDED = ("coverage", "runs")


@dataclass(frozen=True)
class Lead:
    """What comes first.

    Attributes:
        view: the chart.
        metric: which it shows.
        headline: the finding that is its title; None where no finding is about it.
    """

    view: View
    metric: str
    headline: Finding | None


def lead_of(contents: Contents, findings: Sequence[Finding], metrics: Sequence[str]) -> Lead:
    """Choose the chart that comes first: the training of a single model, else all profiles.

    Args:
        contents: what the page is about.
        findings: its sentences.
        metrics: those it has numbers of.
    """
    metric = "anisotropy" if "anisotropy" in metrics else next(iter(metrics), "")
    view: View = "profiles"
    if len(contents.models) == 1 and _most_steps(contents) >= _LEAST_STEPS:
        view = "checkpoints"
    about = {
        finding.spark.of_training: finding
        for finding in reversed(findings)
        if finding.tone == "finding" and finding.spark and finding.spark.metric == metric
    }
    headline = about.get(False)
    if view == "checkpoints":
        headline = about.get(True, headline)
    return Lead(view, metric, headline)


def views_of(contents: Contents, filled: Collection[str], lead: Lead) -> tuple[str, ...]:
    """Say which sections have content, besides the chart that comes first.

    Args:
        contents: what the page is about.
        filled: of ``spectra``, ``scales`` and ``massive`` those with content.
        lead: what comes first.
    """
    trained = _most_runs(contents) > 1
    there = {
        "profiles": len(contents.models) > 1 or not trained,
        "checkpoints": trained,
        "training": trained,
        "compare": len(contents.runs) > 1,
        **{key: key in filled for key in ("spectra", "scales", "massive")},
        "coverage": True,
        "runs": True,
    }
    return tuple(key for key in VIEWS if there[key] and key != lead.view)


def _most_runs(contents: Contents) -> int:
    """Return how many checkpoints the most often measured model has over one text."""
    counts = Counter((run["model_id"], run["corpus_id"]) for run in contents.runs)
    return max(counts.values(), default=0)


def _most_steps(contents: Contents) -> int:
    counts = Counter(
        (run["model_id"], run["corpus_id"])
        for run in contents.runs
        if run["step"] is not None and not run["untrained"]
    )
    return max(counts.values(), default=0)
