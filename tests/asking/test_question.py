from datetime import date
from pathlib import Path

import pytest

from embstore.asking.parameters import Parameter, Range
from embstore.asking.question import Channel, parse_question
from embstore.errors import QueryError

HEADER = """\
-- title: Counting
-- doc: First line
--   and the second.
-- param metric VARCHAR: which metric
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_sinks'): which: tokens
-- param since DATE = '2026-01-01': from this day
-- param models VARCHAR[] = NULL in model.name: which models
-- param said VARCHAR = 'it''s': a quote
-- chart: mark=line x=depth:Q y=value:Q color=model:N

SELECT 1 -- title: not a header
"""


class TestHeader:
    def test_reads_title_doc_parameters_and_chart(self) -> None:
        question = parse_question(HEADER, Path("folder/counting.sql"))
        assert question.name == "counting"
        assert question.title == "Counting"
        assert question.doc == "First line and the second."
        metric, scopes, since, models, said = question.parameters
        assert metric == Parameter("metric", "VARCHAR", "which metric", required=True)
        assert scopes.default == ["all", "no_sinks"]
        assert scopes.choices == ("all", "no_sinks")
        assert scopes.doc == "which: tokens"
        assert since.default == date(2026, 1, 1)
        assert (models.required, models.default) == (False, None)
        assert models.columns == (("model", "name"),)
        assert metric.columns == ()
        assert said.default == "it's"
        assert question.encoding is not None
        assert question.encoding.mark == "line"
        assert question.encoding.channels["color"] == Channel("model", "N")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("SELECT 1", "q.sql:1: no title"),
            (
                "-- title: a\n-- titel: b\nSELECT 1",
                "q.sql:2: found 'titel'; did you mean '-- title",
            ),
            ("-- title: a\n-- parm x VARCHAR: b\nSELECT 1", "did you mean '-- param NAME TYPE"),
            ("-- title: a\n-- title: b\nSELECT 1", "q.sql:2: a second 'title:' line; the first"),
            ("-- hello\nSELECT 1", "q.sql:1: found 'hello'; expected"),
            ("-- title: a\n-- param x: b\nSELECT 1", "q.sql:2: found 'param x: b'; expected"),
            ("-- title: a\n-- param x FLOAT: b\nSELECT 1", "q.sql:2: parameter x has type FLOAT"),
            ("-- title: a\n-- param x INTEGER = 'z': b\nSELECT 1", "found 'z'; expected INTEGER"),
            (
                "-- title: a\n-- param x VARCHAR = 'z' in ('a', 'b'): b\nSELECT 1",
                "found 'z'; choose from a, b",
            ),
            (
                "-- title: a\n-- param x DATE: b\n-- param x DATE: b\nSELECT 1",
                "q.sql:3: parameter x is declared twice",
            ),
            ("-- title: a\n-- chart: mark=pie x=a:Q y=b:Q\nSELECT 1", "q.sql:2: chart: mark 'pie'"),
            ("-- title: a\n-- chart: mark=bar x=a:Q\nSELECT 1", "chart: y missing"),
            ("-- title: a\n-- chart: mark=bar x=a y=b:Q\nSELECT 1", "expected x=column:type"),
            (
                "-- title: a\n-- chart: mark=bar z=a:Q\nSELECT 1",
                "channel 'z'; choose from mark, x, y",
            ),
            ("-- title: a\n-- chart: mark=bar x\nSELECT 1", "expected channel=column:type"),
            (
                "-- title: a\n-- chart: mark=line x=a:Q:cubic y=b:Q\nSELECT 1",
                "found 'x=a:Q:cubic'; expected x=column:type with type Q, N, O or T, and then "
                "perhaps a scale: :linear, :log, :symlog",
            ),
            (
                "-- title: a\n-- param x INTEGER = 0 in 1..: b\nSELECT 1",
                "q.sql:2: parameter x: found '0'; expected at least 1",
            ),
            ("-- title: a\n-- param x DOUBLE in 2..1: b\nSELECT 1", "the range 2..1 is empty"),
            (
                "-- title: a\n-- param x DATE in 1..: b\nSELECT 1",
                "parameter x has type DATE, which takes no range; expected INTEGER, BIGINT, DOUBLE",
            ),
            ("-- title: a\n", "q.sql: no SQL after the header"),
        ],
    )
    def test_names_file_line_and_what_is_wrong(self, text: str, message: str) -> None:
        with pytest.raises(QueryError) as caught:
            parse_question(text, Path("q.sql"))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("written", "limits"),
        [
            ("in 1..", Range(1)),
            ("in -1..0.5", Range(-1, 0.5)),
            ("in 0<..", Range(0, above=True)),
            ("in 0<..2", Range(0, 2, above=True)),
        ],
    )
    def test_a_parameter_may_have_a_range(self, written: str, limits: Range) -> None:
        text = f"-- title: t\n-- param x DOUBLE = 0.5 {written}: a share: of it\nSELECT $x"
        if limits.least == 1:
            text = text.replace("0.5 in", "1 in")
        (parameter,) = parse_question(text, Path("q.sql")).parameters
        assert (parameter.range, parameter.doc) == (limits, "a share: of it")

    @pytest.mark.parametrize("comma", [", ", ",", " , "])
    def test_a_parameter_may_be_held_to_several_columns(self, comma: str) -> None:
        text = f"-- title: t\n-- param x VARCHAR in model.name{comma}failure.model: a: b\nSELECT $x"
        (parameter,) = parse_question(text, Path("q.sql")).parameters
        assert parameter.columns == (("model", "name"), ("failure", "model"))
        assert parameter.doc == "a: b"

    def test_says_what_people_read_first_and_what_an_empty_answer_lacks(self) -> None:
        text = "-- title: t\n-- table: model layer\n--   value\n-- needs: step\nSELECT 1"
        question = parse_question(text, Path("q.sql"))
        assert question.columns == ("model", "layer", "value")
        assert question.needs == "step"

    def test_a_channel_may_name_its_scale(self) -> None:
        text = "-- title: t\n-- chart: mark=rect x=step:Q:symlog y=$by:O:$scale\nSELECT 1"
        encoding = parse_question(text, Path("q.sql")).encoding
        assert encoding is not None
        assert encoding.mark == "rect"
        assert encoding.channels["x"] == Channel("step", "Q", "symlog")
        assert encoding.channels["y"] == Channel("$by", "O", "$scale")
