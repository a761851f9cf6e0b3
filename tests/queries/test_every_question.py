import re

import pyarrow as pa
import pytest

from embstore.asking.answer import Answer
from embstore.asking.ask import bind, find_question, run_question, values_in_sql
from embstore.asking.question import ADDED
from embstore.common.paths import resource_folder
from embstore.store.database import Database
from embstore.store.statement import statement_parameters
from embstore.tables.text import aligned
from embstore.tables.values import plain_rows

BUILT_IN = sorted(path.stem for path in resource_folder("queries").glob("*.sql"))

# What a reader looks for that the chart does not show by an axis or colour.
ANSWERS = {
    "sink_effect": {"effect", "peak_layer"},
    "peak_layer": {"peak_value"},
    "checkpoint_changes": {"before_value", "after_value", "change"},
}


def answer_of(database: Database, name: str) -> Answer:
    """Ask a question, also one to which a store has too little to say."""
    question = find_question(name)
    values = bind(question)
    return Answer(run_question(database, question, {}), question=question, values=values)


@pytest.mark.parametrize("name", BUILT_IN)
class TestEveryQuestion:
    def test_declares_what_it_uses(self, name: str) -> None:
        question = find_question(name)
        in_chart = question.encoding.parameters if question.encoding else frozenset()
        in_sql = statement_parameters(question.sql)
        assert {p.name for p in question.parameters} == in_sql | in_chart
        assert question.doc
        assert all(parameter.doc for parameter in question.parameters)

    def test_answers_on_an_empty_store(self, name: str, empty: Database) -> None:
        question = find_question(name)
        table = run_question(empty, question)
        assert table.num_rows == 0
        if question.encoding is not None:
            drawn = {channel.column for channel in question.encoding.channels.values()}
            by = {f"${p.name}" for p in question.parameters}
            assert drawn - by <= set(table.column_names)

    @pytest.mark.slow
    def test_answers_on_a_small_store_without_decimals(self, name: str, small: Database) -> None:
        table = run_question(small, find_question(name))
        assert table.num_rows > 0
        assert not [field.name for field in table.schema if "decimal" in str(field.type)]
        assert table.equals(run_question(small, find_question(name)))

    def test_shows_its_answer_at_eighty_columns(self, name: str, long_names: Database) -> None:
        question = find_question(name)
        answer = answer_of(long_names, name)
        shown, above, keep = answer.at_a_glance(80)
        rows = list(plain_rows(shown))
        laid_out, hidden = aligned(shown.column_names, rows, width=80, keep=keep)
        assert max(map(len, [*laid_out.splitlines(), *above])) <= 80
        drawn = {*ANSWERS.get(name, ()), *question.columns}
        assert drawn <= set(answer.column_names)
        if question.encoding is not None and name != "checkpoint_changes":
            columns = question.encoding.columns(bind(question))
            drawn |= {column for key, column in columns.items() if key not in ADDED}
        # A list is no number to read.
        drawn -= {field.name for field in answer.table.schema if pa.types.is_list(field.type)}
        assert drawn or question.columns
        # What all rows share stands above. Layers are told by number instead of depth.
        hidden_drawn = drawn & set(hidden) - {"depth"}
        assert not hidden_drawn
        assert shown.num_rows == answer.num_rows

    @pytest.mark.slow
    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_tells_rows_apart_at_any_width(
        self, name: str, width: int, nearly_alike: Database
    ) -> None:
        shown, above, keep = answer_of(nearly_alike, name).at_a_glance(width)
        rows = list(plain_rows(shown))
        laid_out, _ = aligned(shown.column_names, rows, width=width, keep=keep)
        heads, rules, *lines = laid_out.splitlines()
        ends = [place.span() for place in re.finditer("─+", rules)]
        for start, end in ends:
            column = shown.column_names.index(heads[start:end].strip())
            if rows and isinstance(rows[0][column], str):
                different = {row[column] for row in rows}
                assert len({line[start:end] for line in lines}) == len(different)
        labels = [line.rpartition("  ")[0] for line in above if "▁" in line or "█" in line]
        assert len(set(labels)) == len(labels)

    def test_is_one_select(self, name: str, small: Database) -> None:
        question = find_question(name)
        values = values_in_sql(question, bind(question), statement_parameters(question.sql))
        assert small.select_untrusted(question.sql, values).num_rows > 0

    def test_is_short_enough_to_read(self, name: str) -> None:
        assert len(find_question(name).sql.splitlines()) <= 120

    def test_answers_on_one_run(self, name: str, one: Database) -> None:
        needs_more = {
            *("nearest_models", "checkpoint_changes", "duplicate_checkpoints", "failures"),
            *("anisotropy_by_step", "dimension_by_step", "dimension_heatmap", "phases"),
            *("shuffled_text", "metrics_by_step", "published"),
            *("scores", "score_by_step", "score_correlation", "loss_correlation"),
        }
        table = run_question(one, find_question(name))
        assert (table.num_rows > 0) == (name not in needs_more)
