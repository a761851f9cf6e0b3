"""docs/metrics.md, and the module of the metrics' names that asking needs."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from pages import MADE, bounds, table, words_of

from embstore.metrics.families import dimension
from embstore.metrics.gride import GRIDE_RANKS
from embstore.metrics.registry import FAMILIES, METRICS, PAIR_METRICS
from embstore.metrics.related import RELATED
from embstore.metrics.selection import PRESETS, SAID_ALREADY

if TYPE_CHECKING:
    from embstore.metrics.metric import Metric


def metric_page() -> str:
    """Describe every metric, family by family: what it is, and its traps."""
    words = words_of("metrics")
    metrics: list[Metric[Any]] = [*METRICS.values(), *PAIR_METRICS.values()]
    parts = [MADE.format("metrics"), words["head"].format(**_choices())]
    parts += [
        table(
            ("metric", "title", "symbol", "unit", "family", "cost"),
            (
                (f"[`{a.name}`](#{a.name})", a.title, a.symbol, a.unit, m.family.name, m.cost)
                for m, a in ((metric, metric.description) for metric in metrics)
            ),
        )
    ]
    for family in FAMILIES:
        parts += [f"\n## {family.title}\n", f"{cleandoc(family.text)}\n"]
        parts += [_metric(metric) for metric in metrics if metric.family == family]
    ranks = ", ".join(map(str, GRIDE_RANKS))
    return "\n".join([*parts, words["tail"].format(ranks=ranks)])


def _choices() -> dict[str, object]:
    def code(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rest = [name for name in PRESETS["all"] if name not in (*PRESETS["default"], *SAID_ALREADY)]
    return {
        "pairs": len(PAIR_METRICS),
        "families": code(family.name for family in FAMILIES),
        "core": code(PRESETS["core"]),
        "rest": code(rest),
        "said": code(SAID_ALREADY),
    }


def _metric(metric: "Metric[Any]") -> str:
    about, info = metric.description, metric.info
    return (
        f"### {about.name}\n\n**{about.title}**, {about.symbol}\n\n> {about.formula}\n\n"
        + table(
            ("unit", "bounds", "unchanged by", "version", "standard error and interval", "source"),
            [
                (
                    about.unit,
                    bounds(info),
                    _unchanged_by(metric),
                    about.version,
                    metric.uncertainty,
                    about.citation,
                )
            ],
        )
        + f"\n\n{cleandoc(about.notes)}\n{_related(metric)}"
    )


def _related(metric: "Metric[Any]") -> str:
    """Say which metrics rank layers as one does, or the other way round."""
    words = [f"`{name}` ({rho:.2f})" for name, rho in RELATED.get(metric.name, ())]
    return f"\nRanks layers as {', '.join(words)}.\n" if words else ""


def _unchanged_by(metric: "Metric[Any]") -> str:
    about = metric.description
    return ", ".join([*about.unchanged_by, *([] if about.degree else ["scale"])])


def names_module() -> str:
    """Return the module of the metrics' names that asking needs."""
    metrics: list[Metric[Any]] = [*METRICS.values(), *PAIR_METRICS.values()]
    estimates = [metric.name for metric in metrics if metric.family == dimension.FAMILY]
    of_neighbors = [
        metric.name
        for metric in metrics
        if "neighbors" in metric.needs and metric.description.unit == "dimensions"
    ]
    biased = [metric.name for metric in metrics if metric.needs_many]
    moved = [
        metric.name
        for metric in metrics
        if metric.uncertainty == dimension.UNLESS_FAR_POINTS_DECIDE
    ]
    spectral, near = (
        [metric.name for metric in metrics if need in metric.needs]
        for need in ("spectrum", "neighbors")
    )
    derivable = [metric.name for metric in metrics if metric.of_spectrum]
    return "\n".join(
        [
            '"""Names of metrics that asking and checking need, without what computes them.',
            "",
            "Made by make docs from the metrics' files: change those.",
            '"""',
            "",
            "# Estimates of dimension from the distances to neighbours.",
            *_set_of("NEIGHBOR_ESTIMATES", estimates),
            "",
            "# Dimensions of neighbourhoods: in the embedding those of the words that were read:",
            "# peaks, and what is said of the layers, leave it out.",
            *_set_of("PEAKS_WITHOUT_EMBEDDING", of_neighbors),
            "",
            "# Those that a few points far from all others may decide: then they have no interval.",
            *_set_of("MOVED_BY_FAR_POINTS", moved),
            "",
            "# Biased unless the vectors are many times the dimensions.",
            *_set_of("NEED_MANY", biased),
            "",
            "# Computed from all eigenvalues of the covariance, which are stored as well.",
            *_set_of("NEED_SPECTRUM", spectral),
            "",
            "# Computed from these eigenvalues alone, so they can be had of a stored run, too.",
            *_set_of("OF_SPECTRUM", derivable),
            "",
            "# Computed from nearest neighbours, and so is the dimension by scale.",
            *_set_of("NEED_NEIGHBORS", near),
            "",
            "# With a number for each layer.",
            *_set_of("OF_ONE_LAYER", METRICS),
            "",
            "# With a number for each layer and the next.",
            *_set_of("OF_TWO_LAYERS", PAIR_METRICS),
            "",
        ]
    )


def _set_of(name: str, words: Iterable[str]) -> list[str]:
    return [
        f"{name} = frozenset(",
        "    {",
        *(f'        "{word}",' for word in words),
        "    }",
        ")",
    ]
