"""Tables of scores, as people write them, and what is wrong with them."""

import codecs
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embstore.errors import ScoreError, UsageError
from embstore.inputs.scores import files
from embstore.inputs.scores.files import read_scores
from embstore.types import Score

ROWS = "model,step,name,value,stderr\ngpt2,100,acc,0.5,0.01\ngpt2,200,acc,0.75,\n"
SCORES = [
    Score(model="gpt2", step=100, name="acc", value=0.5, std_error=0.01, source="s.csv"),
    Score(model="gpt2", step=200, name="acc", value=0.75, source="s.csv"),
]


def read(folder: Path, content: str | bytes, name: str = "s.csv") -> list[Score]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_scores([path]).scores)


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        codecs.BOM_UTF8 + ROWS.encode(),
        ROWS.replace("\n", "\r\n"),
        ROWS.replace(",", ";"),
        "\n" + ROWS + "\n\n",
        ROWS.replace("model", " Model ").replace("stderr", "std_error"),
        ROWS.replace("100", "100.0").replace("gpt2", ' "gpt2" ').replace(' "gpt2" ', '"gpt2"'),
        ROWS.replace("0.5", "+.5").replace("0.75,", "75e-2,N/A"),
        # A row twice says nothing twice.
        ROWS + "gpt2,100,acc,0.5,0.01\n",
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == SCORES


def test_tabs_json_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [
        '{"model": "gpt2", "step": 100, "name": "acc", "value": 0.5, "std_error": 0.01}',
        '{"model": "gpt2", "step": 200, "name": "acc", "value": 0.75, "std_error": null}',
    ]
    pq.write_table(
        pa.table(
            {
                "model": ["gpt2", "gpt2"],
                "step": [100, 200],
                "name": ["acc", "acc"],
                "value": [0.5, 0.75],
                "std_error": [0.01, float("nan")],
            }
        ),
        tmp_path / "s.parquet",
    )
    found = [
        read(tmp_path, ROWS.replace(",", "\t"), "s.tsv"),
        read(tmp_path, f"[{rows[0]}, {rows[1]}]", "s.json"),
        read(tmp_path, f"{rows[0]}\n\n{rows[1]}\n", "s.jsonl"),
        list(read_scores([tmp_path / "s.parquet"]).scores),
    ]
    assert [[(*s.key, s.value, s.std_error) for s in scores] for scores in found] == [
        [(*s.key, s.value, s.std_error) for s in SCORES]
    ] * 4


def test_every_column_is_read_and_others_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(
        "date,n_shot,revision,score,model,value\n2026-11-30,5,v2,acc,gpt2,1\n"
        "2026-11-30T12:00:00+02:00,5,v3,acc,gpt2,1\n"
    )
    found = read_scores([path])
    assert [(score.revision, score.scored_at) for score in found.scores] == [
        ("v2", datetime(2026, 11, 30, tzinfo=UTC)),
        ("v3", datetime(2026, 11, 30, 10, tzinfo=UTC)),
    ]
    assert found.notes == (f"{path}: columns that say nothing of a score are not read: 'n_shot'",)


def test_a_step_of_any_size_is_read_exactly(tmp_path: Path) -> None:
    (score,) = read(tmp_path, f"model,step,name,value\ngpt2,{2**63 - 1},acc,1\n")
    assert score.step == 2**63 - 1


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(ROWS)
    assert list(read_scores([tmp_path / "s.csv"] * 2).scores) == SCORES


BAD_ROWS = {
    "gpt2,1,acc,NaN": "line 2: value of acc 'NaN' is no number",
    "gpt2,1,acc,inf": "line 2: value of acc 'inf' is no number",
    "gpt2,1,acc,1e999": "line 2: value of acc '1e999' is no finite number",
    "gpt2,1,acc,good": "line 2: value of acc 'good' is no number",
    "gpt2,1,acc,1_000": "line 2: value of acc '1_000' is no number",
    "gpt2,1,acc,71.2%": "is no number; leave the percent sign out",
    'gpt2,1,acc,"0,5"': "is no number; write it with a decimal point",
    "gpt2,1,acc,": "line 2: value of acc is missing: give a number, or leave the row out",
    "gpt2,1,,1": "line 2: name is missing",
    " ,1,acc,1": "line 2: model is missing",
    "gpt2,1.5,acc,1": "line 2: step '1.5' is no whole number",
    "gpt2,-1,acc,1": "line 2: step '-1' is not between 0 and 9,223,372,036,854,775,807",
    f"gpt2,{2**63},acc,1": "is not between 0 and 9,223,372,036,854,775,807",
    f"gpt2,{'9' * 5000},acc,1": "is not between 0 and 9,223,372,036,854,775,807",
    "gpt2,1e400,acc,1": "line 2: step '1e400' is no finite number",
    "gpt2,last,acc,1": "line 2: step 'last' is no number",
    "gpt2,1,acc": "line 2 has 3 values, but the header has 4",
    "gpt2,1,acc,1,2": "line 2 has 5 values, but the header has 4",
    "a\x1b[31m,1,acc,1": "is not one line of text that can be printed",
    'gpt2,1,"acc': "unexpected end of data",
    "gpt2,1,acc,1\ngpt2,1,acc,2": "line 2 and line 3 both say acc of gpt2 at step 1, and not the",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(ScoreError) as error:
        read(tmp_path, f"model,step,name,value\n{row}\n")
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 's.csv'}: ")
    assert BAD_ROWS[row] in said
    assert said.isprintable()
    assert len(said) < 400


CONTRADICTIONS = {
    "s.csv": (
        "model,revision,step,name,value\na,,,acc,1\na,step1000,2000,acc,1\n",
        "line 3: revision 'step1000' is of step 1,000, but step 2,000 is given; correct one of "
        "the two, or leave one out",
    ),
    "s.tsv": ("model\tname\tvalue\trevision\tstep\na\tacc\t1\tckpt-5\t6\n", "line 2: revision"),
    "s.json": (
        '[{"model": "a", "name": "acc", "value": 1, "revision": "step1", "step": 0}]',
        "row 1: revision 'step1' is of step 1, but step 0 is given",
    ),
    "s.jsonl": (
        '\n{"model": "a", "name": "acc", "value": 1, "revision": "stage2-step1", "step": 2}',
        "row 1: revision 'stage2-step1' is of step 1, but step 2 is given",
    ),
    "untrained.csv": (
        "model,revision,step,name,value\na,random-init-7,7,acc,1\n",
        "line 2: revision 'random-init-7' is of step 0, but step 7 is given",
    ),
    "huge.csv": (
        f"model,revision,step,name,value\na,step{10**39},1,acc,1\n",
        "line 2: revision 'step10000000000000000000000000000000000…' is of step 1,000,",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_revision_of_another_step_than_is_given_is_refused(tmp_path: Path, name: str) -> None:
    content, says = CONTRADICTIONS[name]
    with pytest.raises(ScoreError) as error:
        read(tmp_path, content, name)
    assert str(error.value).startswith(f"{tmp_path / name}: {says}")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("revision", "given", "step"),
    [
        ("step1000", "1000", 1000),
        ("step1000", "", 1000),
        ("step-50K-105b", "50000", 50_000),
        ("random-init-7", "0", 0),
        # Names that tell no step contradict none.
        ("main", "143000", 143_000),
        ("random-init-7", "", 0),
        ("v2", "", None),
        (f"step{10**30}", "", None),
        (f"step{'9' * 5000}", "3", 3),
    ],
)
def test_a_revision_tells_the_step(
    tmp_path: Path, revision: str, given: str, step: int | None
) -> None:
    content = f"model,revision,step,name,value\na,{revision},{given},acc,1\n"
    (score,) = read(tmp_path, content)
    assert (score.revision, score.step) == (revision, step)


def test_a_step_said_by_name_and_by_number_is_one_step(tmp_path: Path) -> None:
    rows = "model,revision,step,name,value\na,step10,,acc,1\na,step10,10,acc,{}\n"
    assert len(read(tmp_path, rows.format(1))) == 1
    with pytest.raises(ScoreError, match="line 2 and line 3 both say acc of a@step10, and not the"):
        read(tmp_path, rows.format(2))


BAD_FILES = {
    "empty.csv": (b"", "it is empty"),
    "blank.csv": (b"\n \n", "it is empty"),
    "header.csv": (b"model,name,value\n", "no scores in it"),
    "wide.csv": (b"model,step,arc_easy\ngpt2,1,0.5\n", "no column 'name' (there are model, step, "),
    "twice.csv": (b"model,name,score,value\n", "columns 'name' and 'score' both say the name"),
    "latin.csv": ("model,name,value\nä,b,1".encode("latin-1"), "not UTF-8 text (byte 17 is 0xe4)"),
    "wide16.csv": (ROWS.encode("utf-16"), "UTF-16, not UTF-8"),
    "zero.csv": (b"model\0", "binary, not text"),
    "negative.csv": (b"model,name,value,stderr\na,b,1,-2\n", "std_error of b is -2, less than 0"),
    "when.csv": (b"model,name,value,date\na,b,1,31/12/2025\n", "scored_at '31/12/2025' is no date"),
    "year.csv": (b"model,name,value,date\na,b,1,2025\n", "is no date; write it as 2026-11-30"),
    "empty.json": (b"", "cannot be read: Expecting value"),
    "broken.json": (b'{"results": ', "cannot be read: Expecting value"),
    "text.json": (b'"results"', "neither lm-eval's results"),
    "row.json": (b"[1]", "row 1 is no record with model, name and value"),
    "columns.json": (b'[{"model": "a", "value": 1}]', "row 1: no column 'name'"),
    "bool.json": (b'[{"model": "a", "name": "b", "value": true}]', "value of b True is no number"),
    "nan.json": (b'[{"model": "a", "name": "b", "value": NaN}]', "value of b nan is no finite"),
    "huge.json": (
        b'[{"model": "a", "name": "b", "value": 1' + b"0" * 400 + b"}]",
        "is no finite number",
    ),
    "list.json": (b'[{"model": ["a"], "name": "b", "value": 1}]', "model ['a'] is no text"),
    "deep.json": (b"[" * 100_000, "cannot be read: "),
    "empty.jsonl": (b"\n", "no scores in it"),
    "no.parquet": (b"PAR1", "no Parquet that can be read"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_wrong_file_is_told_in_a_line(tmp_path: Path, name: str) -> None:
    content, says = BAD_FILES[name]
    with pytest.raises(ScoreError) as error:
        read(tmp_path, content, name)
    said = str(error.value)
    assert name in said
    assert says in said
    assert said.isprintable()


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["model", "model", "name"])
    pq.write_table(table, tmp_path / "s.parquet")
    with pytest.raises(ScoreError, match="columns of one name: 'model'"):
        read_scores([tmp_path / "s.parquet"])


def test_what_is_not_there_or_no_file_of_scores_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"no such file: .*none.csv; check the path"):
        read_scores([tmp_path / "none.csv"])
    with pytest.raises(ScoreError, match=r"holds no results\*.json"):
        read_scores([tmp_path])
    (tmp_path / "s.txt").write_text(ROWS)
    with pytest.raises(UsageError, match=r"s.txt has suffix '.txt': scores are read from .json"):
        read_scores([tmp_path / "s.txt"])
    with pytest.raises(UsageError, match="no file of scores is given"):
        read_scores([])
    with pytest.raises(ScoreError, match="cannot be read"):
        read_scores([f"{'x' * 5000}.csv"])


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 10)
    with pytest.raises(ScoreError, match="which is no file of scores"):
        read(tmp_path, ROWS)
