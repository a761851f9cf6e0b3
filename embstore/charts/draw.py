"""Asks a store a question and draws the answer, with what a reader should know below it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from embstore.asking.answer import Answer
from embstore.asking.ask import bind, metric_info, run_question
from embstore.asking.background import models_by_age, text_read
from embstore.asking.caveats import run_caveats
from embstore.asking.question import Question
from embstore.charts.build import build_chart
from embstore.charts.notebook import AnyChart

if TYPE_CHECKING:
    from embstore.store.connection import Database


def draw(
    database: "Database",
    question: Question,
    params: Mapping[str, object],
    *,
    theme: str = "light",
) -> AnyChart:
    """Draw the answer to a question.

    Args:
        database: the store to ask.
        question: what to ask.
        params: values of its parameters; the defaults where not given.
        theme: ``light`` or ``dark``.

    Raises:
        QueryError: as for ``run_question`` and ``build_chart``.
        UsageError: likewise.
    """
    values = bind(question, params)
    metric = values.get("metric")
    with database.held():
        table = run_question(database, question, values)
        info = metric_info(database, metric) if isinstance(metric, str) else None
        notes = Answer(table, run_caveats(database, table)).notes
        read = text_read(database, table)
        models = models_by_age(database)
    caption = " ".join([read, *notes] if read else notes) or None
    return build_chart(
        question, table, params=values, metric=info, caption=caption, theme=theme, models=models
    )
