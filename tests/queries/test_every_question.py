import pyarrow as pa
import pytest

from embstore.api.store import Store
from embstore.asking.ask import bind, find_question, run_question, values_in_sql
from embstore.asking.question import ADDED
from embstore.common.paths import resource_folder
from embstore.store.connection import Database
from embstore.store.statement import statement_parameters
from embstore.tables.text import aligned
from embstore.tables.values import plain_rows

BUILT_IN = sorted(path.stem for path in resource_folder("queries").glob("*.sql"))

# What a reader looks for that no chart line names.
ANSWERS = {
    "sink_effect": {"effect"},
    "checkpoints": {"model", "revision", "step", "runs", "duplicate_of"},
    "duplicate_checkpoints": {"model", "revision", "step", "duplicate_of"},
    "failures": {"model", "revision", "stage", "reason", "resolved"},
    "layers": {"series", "layer", "anisotropy", "anisotropy_no_sinks", "twonn"},
    "models": {"model", "kind", "anisotropy", "n_layers"},
    "provenance": {"model", "revision", "layer", "value"},
    "runs": {"run", "model", "revision"},
}


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

    def test_answers_on_a_small_store_without_decimals(self, name: str, small: Database) -> None:
        table = run_question(small, find_question(name))
        assert table.num_rows > 0
        assert not [field.name for field in table.schema if "decimal" in str(field.type)]
        assert table.equals(run_question(small, find_question(name)))

    def test_shows_its_answer_at_eighty_columns(self, name: str, long_names: Database) -> None:
        question = find_question(name)
        answer = Store(long_names).query(name)
        shown, above = answer.at_a_glance(80)
        laid_out, hidden = aligned(shown.column_names, list(plain_rows(shown)), width=80)
        assert max(map(len, [*laid_out.splitlines(), *above])) <= 80
        drawn = set(ANSWERS.get(name, ()))
        if question.encoding is not None:
            columns = question.encoding.columns(bind(question))
            drawn |= {column for key, column in columns.items() if key not in ADDED}
        # A list is no number to read.
        drawn -= {field.name for field in answer.table.schema if pa.types.is_list(field.type)}
        assert drawn
        # What all rows share stands above. Layers are told by number instead of depth.
        hidden_drawn = drawn & set(hidden) - {"depth"}
        assert not hidden_drawn
        assert shown.num_rows == answer.num_rows

    def test_is_one_select(self, name: str, small: Database) -> None:
        question = find_question(name)
        values = values_in_sql(question, bind(question))
        assert small.select_untrusted(question.sql, values).num_rows > 0

    def test_is_short_enough_to_read(self, name: str) -> None:
        assert len(find_question(name).sql.splitlines()) <= 120

    def test_answers_on_one_run(self, name: str, one: Database) -> None:
        needs_more = {
            *("nearest_models", "checkpoint_changes", "duplicate_checkpoints", "failures"),
            *("anisotropy_by_step", "dimension_by_step", "dimension_heatmap", "phases"),
        }
        table = run_question(one, find_question(name))
        assert (table.num_rows > 0) == (name not in needs_more)
