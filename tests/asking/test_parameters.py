from datetime import date

import pytest

from embstore.asking.parameters import Parameter, Range, convert
from embstore.errors import UsageError


class TestConvert:
    @pytest.mark.parametrize(
        ("type_", "given", "value"),
        [
            ("VARCHAR", "a,b", "a,b"),
            ("INTEGER", "-3", -3),
            ("BIGINT", "5000000000", 5_000_000_000),
            ("DOUBLE", "1e-3", 0.001),
            ("DOUBLE", 2, 2.0),
            ("BOOLEAN", "True", True),
            ("BOOLEAN", "no", False),
            ("DATE", "2026-02-28", date(2026, 2, 28)),
            ("VARCHAR[]", 'a, "b,c"', ["a", "b,c"]),
            ("VARCHAR[]", ("a", "b,c"), ["a", "b,c"]),
            ("INTEGER[]", "1,2", [1, 2]),
        ],
    )
    def test_reads_text_and_python_values(self, type_: str, given: object, value: object) -> None:
        converted = convert(Parameter("p", type_, ""), given)
        assert converted == value
        assert type(converted) is type(value)

    @pytest.mark.parametrize(
        ("type_", "given"),
        [
            ("VARCHAR", 3),
            ("INTEGER", "1.5"),
            ("INTEGER", "3000000000"),
            ("INTEGER", True),
            ("DOUBLE", "many"),
            ("DOUBLE", "nan"),
            ("DOUBLE", float("inf")),
            ("BOOLEAN", "maybe"),
            ("DATE", "yesterday"),
            ("INTEGER[]", "1,x"),
            ("VARCHAR[]", 3),
            ("VARCHAR", None),
        ],
    )
    def test_misfit_names_parameter_found_and_expected(self, type_: str, given: object) -> None:
        with pytest.raises(UsageError, match=r"^parameter p: found .*; expected ") as caught:
            convert(Parameter("p", type_, ""), given)
        expected = "true or false" if type_ == "BOOLEAN" else type_
        assert str(caught.value).endswith(f"expected {expected}")

    @pytest.mark.parametrize("given", ["", "  ", [], ()])
    @pytest.mark.parametrize(
        ("parameter", "instead"),
        [
            (Parameter("p", "VARCHAR[]", "", required=False), ", or leave it out for all"),
            (
                Parameter("p", "VARCHAR[]", "", required=False, default=["all", "no_sinks"]),
                ", or leave it out for all,no_sinks",
            ),
            (Parameter("p", "INTEGER[]", ""), ""),
        ],
    )
    def test_an_empty_list_is_refused(
        self, parameter: Parameter, instead: str, given: object
    ) -> None:
        with pytest.raises(UsageError) as caught:
            convert(parameter, given)
        assert str(caught.value) == f"parameter p is empty; name at least one{instead}"

    def test_an_empty_list_is_allowed_where_it_is_the_default(self) -> None:
        parameter = Parameter("p", "VARCHAR[]", "", required=False, default=[])
        assert convert(parameter, "") == convert(parameter, []) == []

    def test_null_is_allowed_where_it_is_the_default(self) -> None:
        assert convert(Parameter("p", "VARCHAR[]", "", required=False), None) is None

    @pytest.mark.parametrize(
        ("limits", "inside", "outside", "expected"),
        [
            (Range(1), ["1", 7.5], ["0", -1], "at least 1"),
            (Range(0, 0.5), [0, "0.5"], ["-0.1", 0.6], "at least 0 and at most 0.5"),
            (Range(0, above=True), [0.1], ["0", -2], "more than 0"),
        ],
    )
    def test_a_range_is_held(
        self, limits: Range, inside: list[object], outside: list[object], expected: str
    ) -> None:
        parameter = Parameter("p", "DOUBLE", "", range=limits)
        for given in inside:
            assert convert(parameter, given) == float(str(given))
        for given in outside:
            message = f"^parameter p: found {given!r}; expected {expected}$"
            with pytest.raises(UsageError, match=message):
                convert(parameter, given)

    def test_each_number_of_a_list_is_held_to_the_range(self) -> None:
        parameter = Parameter("p", "INTEGER[]", "", range=Range(0))
        assert convert(parameter, "0,3") == [0, 3]
        with pytest.raises(UsageError, match="found '-1'; expected at least 0"):
            convert(parameter, "0,-1")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\na\n\nb, c\n", ["a", "b", "c"]),
        ("a,\nb,\nc", ["a", "b", "c"]),
        ('"a,b"\n"c\nd"', ["a,b", "c\nd"]),
        ("a\rb", ["a", "b"]),
        ("a,,b", ["a", "", "b"]),
    ],
)
def test_a_list_may_have_a_name_in_each_line(text: str, names: list[str]) -> None:
    assert convert(Parameter("models", "VARCHAR[]", "which"), text) == names


@pytest.mark.parametrize("text", ["\udcff", "a,\udcff"])
def test_what_is_no_text_is_refused(text: str) -> None:
    for type_ in ("VARCHAR", "VARCHAR[]"):
        with pytest.raises(UsageError, match=r"expected VARCHAR"):
            convert(Parameter("models", type_, "which"), text)
    # Bytes that a locale could not read are UTF-8 all the same.
    assert convert(Parameter("model", "VARCHAR", "which"), "\udcc3\udca9") == "é"
