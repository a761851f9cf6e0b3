import pyarrow as pa

from embstore.tables.brief import brief


def table(**columns: list[object]) -> pa.Table:
    return pa.table(columns)


def test_what_all_rows_share_is_a_caption() -> None:
    found, caption = brief(table(metric=["twonn", "twonn"], layer=[0, 1], step=[3, 3]))
    assert found.column_names == ["layer"]
    assert caption == "metric twonn · step 3"


def test_the_caption_says_nothing_twice() -> None:
    rows = table(series=["a", "a"], model=["a", "a"], step=[3, 3], n=[3, 3], layer=[0, 1])
    assert brief(rows)[1] == "series a · step 3 · n 3"


def test_what_was_asked_for_stays() -> None:
    found, caption = brief(table(layer=[0, 1], value=[0.5, 0.5]), ["value"])
    assert found.column_names == ["layer", "value"]
    assert caption == ""


def test_what_is_missing_everywhere_is_left_out_in_silence() -> None:
    found, caption = brief(table(layer=[0, 1], reason=[None, None]))
    assert (found.column_names, caption) == (["layer"], "")


def test_what_is_missing_in_a_row_stays() -> None:
    found, _ = brief(table(layer=[0, 1], reason=[None, "too few"]))
    assert found.column_names == ["layer", "reason"]


def test_text_that_another_column_has_is_left_out_but_numbers_are_not() -> None:
    found, _ = brief(table(series=["a", "b"], model=["a", "b"], layer=[0, 1], rank=[0, 1]))
    assert found.column_names == ["series", "layer", "rank"]


def test_ids_come_last_and_are_in_no_caption() -> None:
    found, caption = brief(table(model_id=["x", "x"], run_id=["a", "b"], layer=[0, 1]))
    assert (found.column_names, caption) == (["layer", "run_id"], "")


def test_a_single_row_and_equal_rows_are_whole() -> None:
    for rows in (table(a=[1], b=["x"]), table(a=[1, 1], b=["x", "x"])):
        assert brief(rows) == (rows, "")


def test_lists_and_structs_are_compared() -> None:
    rows = table(steps=[[1, 2], [1, 2]], facts=[{"a": 1}, {"a": 2}])
    found, caption = brief(rows)
    assert (found.column_names, caption) == (["facts"], "steps 1, 2")


def test_the_caption_takes_two_lines_and_drives_no_terminal() -> None:
    words: dict[str, list[object]] = {f"c{i}": [f"word{i}" * 2] * 2 for i in range(9)}
    rows = table(layer=[0, 1], text=["\x1b[31m"] * 2, **words)
    _, caption = brief(rows, width=40)
    first, second = caption.splitlines()
    assert first == "text \\x1b[31m · c0 word0word0"
    assert second == "c1 word1word1 · c2 word2word2"


def test_a_large_table_is_brief_in_time() -> None:
    rows = table(layer=list(range(200_000)), metric=["twonn"] * 200_000)
    assert brief(rows)[1] == "metric twonn"
