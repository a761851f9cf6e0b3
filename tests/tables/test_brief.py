import pyarrow as pa

from embstore.tables.brief import brief


def table(**columns: list[object]) -> pa.Table:
    return pa.table(columns)


def test_what_all_rows_share_is_a_caption() -> None:
    found, caption = brief(table(metric=["twonn", "twonn"], layer=[0, 1], step=[3, 3]))
    assert found.column_names == ["layer"]
    assert caption == "metric twonn · each: step 3"


def test_the_caption_says_nothing_twice() -> None:
    rows = table(series=["a", "a"], model=["a", "a"], step=[3, 3], n=[3, 3], layer=[0, 1])
    assert brief(rows)[1] == "series a · each: step 3 · n 3"


def test_nor_what_a_longer_text_says_already() -> None:
    rows = table(place=["coordinate 507"] * 2, coordinate=[507] * 2, layer=[0, 1])
    assert brief(rows)[1] == "place coordinate 507"


def test_a_number_of_each_row_is_not_taken_for_a_total() -> None:
    rows = table(model=["a", "b"], runs=[1, 1], kind=["decoder"] * 2, checkpoints=[2, 2])
    assert brief(rows)[1] == "kind decoder · each: runs 1 · checkpoints 2"


def test_marks_alone_say_nothing() -> None:
    rows = table(layer=[0, 1], moves=["+-", "+-"], tags=[{}, {}])
    assert brief(rows)[1] == ""


def test_what_was_asked_for_stays() -> None:
    found, caption = brief(table(layer=[0, 1], value=[0.5, 0.5]), keep=["value"])
    assert found.column_names == ["layer", "value"]
    assert caption == ""
    nothing, _ = brief(table(layer=[0, 1], value=[None, None]), keep=["value"])
    assert nothing.column_names == ["layer"]


def test_what_is_missing_everywhere_is_left_out_in_silence() -> None:
    found, caption = brief(table(layer=[0, 1], reason=[None, None]))
    assert (found.column_names, caption) == (["layer"], "")


def test_what_is_missing_in_a_row_stays() -> None:
    found, _ = brief(table(layer=[0, 1], reason=[None, "too few"]))
    assert found.column_names == ["layer", "reason"]


def test_text_that_another_column_has_is_left_out_but_numbers_are_not() -> None:
    found, _ = brief(table(series=["a", "b"], model=["a", "b"], layer=[0, 1], rank=[0, 1]))
    assert found.column_names == ["series", "layer", "rank"]


def test_ids_are_shown_only_where_they_are_asked_for() -> None:
    rows = table(model_id=["x", "x"], run_id=["a", "b"], layer=[0, 1])
    assert (brief(rows)[0].column_names, brief(rows)[1]) == (["layer"], "")
    assert brief(rows, ["run_id", "model_id"])[0].column_names == ["run_id", "layer"]


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


def test_what_was_asked_for_has_room_before_what_was_not() -> None:
    words: dict[str, list[object]] = {f"c{i}": [f"word{i}" * 2] * 2 for i in range(9)}
    rows = table(layer=[0, 1], tokens=[256, 256], metrics=[3, 3], **words)
    _, caption = brief(rows, ["layer", "tokens", "metrics", "c0"], width=40)
    first, second = caption.splitlines()
    assert first == "c0 word0word0 · c1 word1word1"
    assert second == "each: tokens 256 · metrics 3"
    # What does not fit at all takes no room.
    assert brief(rows, ["tokens"], width=8)[1] == ""
