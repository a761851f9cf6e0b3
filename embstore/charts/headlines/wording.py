"""The words and numbers of a headline."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from embstore.metrics.names import PEAKS_WITHOUT_EMBEDDING
from embstore.types import MetricInfo

Row: TypeAlias = Mapping[str, Any]

# A difference counts where it exceeds this many standard errors, and this share of all the values.
ERRORS, SHARE = 3.0, 0.1
# Where an error is not known, it counts where it exceeds this share of the larger value.
UNKNOWN = 0.25
# From here on numbers are mostly zeros.
_HUGE = 1e9
_LONGEST_NAME = 48
# What a series has behind its model: its text, stack or layer, or a revision.
_BEHIND_A_MODEL = re.compile(" · |@")
WITHOUT_SINKS = "without attention sinks"


def number(value: float) -> str:
    """Write a number in about three digits.

    >>> [number(v) for v in (0.9967, 0.41, 0.0123, 8.48, 9.9999, 68.04, 17012.0, -0.5)]
    ['0.997', '0.41', '0.012', '8.48', '10.0', '68.0', '17,012', '−0.50']
    >>> number(2e-9), number(1.5e12)
    ('2e−9', '1.5e12')
    """
    size = abs(value)
    if 1 <= size < 100:
        # 9.9999 is 10.0, not 10.00.
        size = float(f"{size:.3g}")
    if size >= _HUGE:
        text = f"{size:.3g}".replace("e+", "e")
    elif size >= 100:
        text = f"{size:,.0f}"
    elif size >= 1 or not size:
        text = f"{size:.{2 if 0 < size < 10 else 1 if size else 0}f}"
    else:
        text = f"{size:.2f}" if size >= 0.1 else f"{size:.3f}" if size >= 0.01 else f"{size:.2g}"
        # Not 1.00 for what is less than 1.
        text = f"{min(size, 0.999):.3f}" if float(text) == 1 else text
        # 2e-09, as axes write it.
        text = re.sub(r"e-0*", "e−", text)
    return f"−{text}" if value < 0 else text


def at_least(share: float) -> str:
    """Write a share rounded down, so that "this or more" stays true."""
    return f"{math.floor(share * 100) / 100:.2f}"


def at_depth(row: Row) -> str:
    """Say where a layer lies on an axis of relative depth; empty where a row does not tell."""
    depth = row.get("depth")
    return "" if depth is None else f" (depth {round(depth, 2):g})"


def scoped(row: Row) -> str:
    """Say which tokens a row leaves out, or what of each window it takes, after its subject."""
    return {
        "no_sinks": f" {WITHOUT_SINKS}",
        "no_first": " without first tokens",
        "last": " of last tokens",
        "mean": " of window means",
    }.get(row["scope"], "")


def step(number_of: int) -> str:
    """Name a training step."""
    return f"step {number_of:,}"


def subject(metric: MetricInfo | None, rows: Sequence[Row]) -> str:
    """Name the metric of some rows, within a sentence."""
    return str(rows[0].get("metric", "value")) if metric is None else spoken(metric.title)


def spoken(title: str) -> str:
    """Write a metric's title as it is said within a sentence.

    >>> [spoken(t) for t in ("Anisotropy", "RankMe", "Norm, largest", "Norm, 99th percentile")]
    ['anisotropy', 'RankMe', 'largest norm', '99th percentile of norm']
    >>> spoken("Intrinsic dimension (TwoNN, lowest fifth)")
    'intrinsic dimension (TwoNN, lowest fifth)'
    >>> spoken("Local intrinsic dimension, 50 % quantile")
    'median local intrinsic dimension'
    """
    first, comma, which = title.partition(", ")
    if which == "50 % quantile":
        return f"median {_lower(first)}"
    if comma and "(" not in first:
        of = " of" if "quantile" in which or "percentile" in which else ""
        return f"{which}{of} {_lower(first)}"
    return _lower(title)


def capital(sentence: str) -> str:
    """Begin a sentence with a capital letter, unless it begins with a name.

    >>> capital("largest norm"), capital("α-ReQ in a")
    ('Largest norm', 'α-ReQ in a')
    """
    word = sentence.partition(" ")[0]
    return sentence[:1].upper() + sentence[1:] if word.isascii() and word.islower() else sentence


def is_or_are(what: str) -> str:
    """Return the verb of a metric's name.

    >>> is_or_are("components for 90 % of the variance"), is_or_are("largest norm")
    ('are', 'is')
    """
    return "are" if what.startswith("components") else "is"


def _lower(title: str) -> str:
    word = title.partition(" ")[0]
    # RankMe, IsoScore, TwoNN and α-ReQ are names.
    return title[:1].lower() + title[1:] if word[1:].islower() else title


def short_names(rows: Iterable[Row], column: str = "series") -> dict[str, str]:
    """Shorten names: models to what follows their last slash, and long ones by their middle.

    Each as far as the names can still be told apart.

    >>> short_names([{"series": "lab/a@refs/pr/1"}, {"series": "lab/b · hf:org/text"}])
    {'lab/a@refs/pr/1': 'a@refs/pr/1', 'lab/b · hf:org/text': 'b · hf:org/text'}
    """
    names = list(dict.fromkeys(str(row[column]) for row in rows))
    short = names
    for shorter in (_without_owner, _without_middle):
        found = list(map(shorter, short))
        short = found if len(set(found)) == len(names) else short
    return dict(zip(names, short, strict=True))


def _without_owner(name: str) -> str:
    """Leave out what is before a model's last slash; a text or revision behind it stays whole.

    >>> _without_owner("lab/model · hf:org/text:test"), _without_owner("models/")
    ('model · hf:org/text:test', 'models/')
    """
    model = _BEHIND_A_MODEL.split(name, maxsplit=1)[0]
    return (model.rsplit("/", 1)[-1] or model) + name[len(model) :]


def _without_middle(name: str) -> str:
    """Leave out the middle of a long name: ends tell models apart.

    >>> _without_middle("an-extraordinarily-long-model-name-7b-instruct-v0.3-gptq-4bit-a")
    'an-extraordinarily-…7b-instruct-v0.3-gptq-4bit-a'
    """
    half = _LONGEST_NAME // 2
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: half - 5]}…{name[-half - 4 :]}"


def with_values(rows: Iterable[Row], column: str = "value") -> list[Row]:
    """Leave out rows without a finite number in a column."""
    found = (row for row in rows if isinstance(row.get(column), int | float))
    return [row for row in found if math.isfinite(row[column])]


def clear(before: float, after: float, *errors: float | None, least: float = 0.0) -> bool:
    """Tell whether two values differ by more than a least distance, and more than by chance.

    That is by three standard errors of their difference. Where one of the two errors is not known,
    only a difference of more than a quarter of the larger value is clear.

    >>> clear(1.0, 0.8, 0.05, 0.05), clear(1.0, 0.8, 0.01, 0.01)
    (False, True)
    >>> clear(1.0, 0.8), clear(1.0, 0.7, 0.01, None), clear(1.0, 0.7, 0.2, None)
    (False, True, False)
    """
    known = [error for error in errors if error is not None]
    chance = ERRORS * math.hypot(*known)
    if len(known) < 2:
        chance = max(chance, UNKNOWN * max(abs(before), abs(after)))
    return abs(before - after) > max(chance, least)


def differ(one: Row, other: Row, values: Iterable[float]) -> bool:
    """Tell whether two values differ clearly, and by more than a tenth of all values' range."""
    everything = list(values)
    least: float = SHARE * (max(everything) - min(0.0, *everything))
    errors = (row.get("std_error") for row in (one, other))
    return clear(one["value"], other["value"], *errors, least=least)


def moves(before: float, after: float, *errors: float | None) -> bool:
    """Tell whether one place's value changes clearly, and by more than a tenth.

    >>> moves(0.9, 0.1), moves(0.9, 0.89), moves(0.9, 0.1, 0.3, None)
    (True, False, False)
    >>> moves(1.0, 0.8, None, None), moves(1.0, 0.8, 0.01, 0.01), moves(1.0, 0.95, 0.0, 0.0)
    (False, True, False)
    """
    return clear(before, after, *errors, least=SHARE * max(abs(before), abs(after)))


def only_blocks(metric: object) -> bool:
    """Tell whether findings about a metric leave out the embedding.

    Estimates of dimension from neighbours do: there they are about the vocabulary's vectors,
    and say nothing of what the model does with a text.
    """
    return metric in PEAKS_WITHOUT_EMBEDDING


def of_all(n: int, all_of: int, what: str) -> str:
    """Count some of several.

    >>> of_all(2, 2, "profile"), of_all(1, 3, "profile"), of_all(0, 3, "profile")
    ('both profiles', '1 of 3 profiles', 'none of 3 profiles')
    >>> of_all(1, 1, "profile")
    '1 of 1 profile'
    """
    if all_of == 1:
        return f"{n or 'none'} of 1 {what}"
    if n == all_of == 2:
        return f"both {what}s"
    counted = "none of" if n == 0 else "all" if n == all_of else f"{n} of"
    return f"{counted} {all_of} {what}s"


def listed_names(names: Sequence[str]) -> str:
    """List two or three names.

    >>> listed_names(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
