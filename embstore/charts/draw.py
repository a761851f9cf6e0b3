"""Draws an answer with what the store knows of it: colours, and what to know, below."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embstore.asking.answer import Answer
from embstore.asking.ask import metric_info
from embstore.asking.background import groups_by_age, models_by_age, text_read
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.charts.build import build_chart
from embstore.charts.notebook import AnyChart
from embstore.charts.theme import PANELS_ABREAST

if TYPE_CHECKING:
    from embstore.store.database import Database


def draw(
    database: "Database",
    question: Question,
    values: Mapping[str, ParameterValue],
    answer: Answer,
    *,
    theme: str = "light",
    columns: int = PANELS_ABREAST,
) -> AnyChart:
    """Draw the answer to a question.

    Args:
        database: the store that gave it.
        question: what was asked.
        values: of all its parameters.
        answer: the rows, and what to know before trusting them.
        theme: ``light`` or ``dark``.
        columns: how many panels stand side by side at most.

    Raises:
        QueryError: as for ``build_chart``.
        UsageError: likewise.
    """
    metric = values.get("metric")
    with database.held():
        info = metric_info(database, metric) if isinstance(metric, str) else None
        read = text_read(database, answer.table)
        models = models_by_age(database)
        if "n_seeds" in answer.column_names:
            models = _with_groups(models, groups_by_age(database), answer)
    caption = " ".join([read, *answer.notes] if read else answer.notes) or None
    return build_chart(
        question,
        answer.table,
        params=values,
        metric=info,
        caption=caption,
        theme=theme,
        columns=columns,
        models=models,
        empty=answer.why_empty,
    )


def _with_groups(
    models: Sequence[str], groups: Mapping[str, str], answer: Answer
) -> tuple[str, ...]:
    """Give a group the place, and so the colour, of its first model, if that is not drawn too."""
    drawn = set(answer["model"].unique().to_pylist())
    group_of = {
        first: group
        for group, first in groups.items()
        if group in drawn and first not in drawn and group not in models
    }
    return tuple(group_of.get(name, name) for name in models)
