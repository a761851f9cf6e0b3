"""Results of lm-evaluation-harness, in the shapes that its versions write."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embstore.errors import ScoreError
from embstore.inputs.scores.files import read_scores
from embstore.inputs.scores.lm_eval import named
from embstore.types import Score

# As version 0.4.9 writes it, but for the tasks' own configurations.
RESULTS: dict[str, Any] = {
    "results": {
        "arc_easy": {
            "alias": "arc_easy",
            "acc,none": 0.4351851851851852,
            "acc_stderr,none": 0.010173216430370932,
            "acc_norm,none": 0.38930976430976433,
            "acc_norm_stderr,none": 0.010005212782878149,
        },
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.01,
            "exact_match_stderr,strict-match": 0.002,
            "exact_match,flexible-extract": 0.02,
            "exact_match_stderr,flexible-extract": 0.003,
        },
        "mmlu": {"acc,none": 0.25, "acc_stderr,none": "N/A", "alias": "mmlu", " ": " "},
        "wikitext": {
            "alias": "wikitext",
            "word_perplexity,none": 60,
            "word_perplexity_stderr,none": "N/A",
            "sample_len": 62,
        },
    },
    "groups": {"mmlu": {"acc,none": 0.25, "acc_stderr,none": "N/A", "alias": "mmlu"}},
    "versions": {"arc_easy": 1.0, "gsm8k": 3.0, "mmlu": 2, "wikitext": 2.0},
    "n-shot": {"arc_easy": 0, "gsm8k": 5, "wikitext": 0},
    "higher_is_better": {"arc_easy": {"acc": True}, "wikitext": {"word_perplexity": False}},
    "config": {
        "model": "hf",
        "model_args": "pretrained=EleutherAI/pythia-70m,revision=step3000,dtype=float",
        "model_revision": "step3000",
        "batch_size": "16",
        "limit": None,
    },
    "git_hash": "0bb8406",
    "date": 1718114213.5712538,
    "model_source": "hf",
    "model_name": "EleutherAI/pythia-70m",
    "model_name_sanitized": "EleutherAI__pythia-70m",
}


def write(folder: Path, content: object, name: str = "results_2024-06-11T13-56-53.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def changed(**changes: object) -> dict[str, Any]:
    """Return results with other values; None leaves one out."""
    found = {**copy.deepcopy(RESULTS), **changes}
    return {key: value for key, value in found.items() if value is not None}


def with_arguments(arguments: object, **changes: object) -> dict[str, Any]:
    return changed(model_name=None, **changes) | {
        "config": {**RESULTS["config"], "model_args": arguments}
    }


def read(folder: Path, content: object) -> list[Score]:
    return list(read_scores([write(folder, content)]).scores)


def test_every_task_and_metric_is_a_score(tmp_path: Path) -> None:
    found = read_scores([write(tmp_path, RESULTS)])
    assert [(score.name, score.value, score.std_error) for score in found.scores] == [
        ("arc_easy/acc", 0.4351851851851852, 0.010173216430370932),
        ("arc_easy/acc_norm", 0.38930976430976433, 0.010005212782878149),
        ("gsm8k/exact_match,strict-match@5-shot", 0.01, 0.002),
        ("gsm8k/exact_match,flexible-extract@5-shot", 0.02, 0.003),
        ("mmlu/acc", 0.25, None),
        ("wikitext/word_perplexity", 60.0, None),
    ]
    assert {(s.model, s.revision, s.scored_at, s.source) for s in found.scores} == {
        (
            "EleutherAI/pythia-70m",
            "step3000",
            datetime(2024, 6, 11, 13, 56, 53, 571254, tzinfo=UTC),
            "results_2024-06-11T13-56-53.json",
        )
    }
    assert found.notes == ()


def test_version_0_3_has_no_filters(tmp_path: Path) -> None:
    old = {
        "results": {"lambada_openai": {"ppl": 17.5, "ppl_stderr": 0.5, "acc": 0.4}},
        "versions": {"lambada_openai": 0},
        "config": {"model": "hf-causal", "model_args": "pretrained=gpt2", "num_fewshot": 0},
    }
    found = read_scores([write(tmp_path, old, "gpt2.json")])
    assert [(s.model, s.revision, s.name, s.value, s.std_error) for s in found.scores] == [
        ("gpt2", "main", "lambada_openai/ppl", 17.5, 0.5),
        ("gpt2", "main", "lambada_openai/acc", 0.4, None),
    ]
    assert found.scores[0].scored_at is None


@pytest.mark.parametrize(
    ("arguments", "whose"),
    [
        ("pretrained=gpt2", ("gpt2", "main")),
        ("dtype=float, pretrained=lab/model ,revision=v2", ("lab/model", "v2")),
        ({"pretrained": "lab/model", "revision": "v2"}, ("lab/model", "v2")),
        ("pretrained=/runs/my-model/checkpoint-100", ("my-model", "checkpoint-100")),
        ("pretrained=runs/my-model/step_100", ("my-model", "step_100")),
        ("pretrained=output/checkpoint-100", ("output", "checkpoint-100")),
        ("pretrained=./my-model", ("my-model", None)),
        ("pretrained=/models/a/SmolLM2.Q4_1.gguf", ("SmolLM2.Q4_1", None)),
        # Scores of an adapter are not those of the model it was trained on.
        ("pretrained=lab/model,revision=v2,peft=lab/adapter", ("lab/adapter", None)),
        # Weights in a folder or a file there are others than those of the name alone.
        ("pretrained=lab/model,subfolder=small", ("lab/model/small", None)),
        ("pretrained=lab/model,subfolder=checkpoint-10", ("lab/model", "checkpoint-10")),
        ("pretrained=lab/model,gguf_file=a.Q4.gguf", ("a.Q4", None)),
        ("pretrained=lab/model,revision=v2,subfolder=small", ("lab/model/small", "v2")),
        # A folder of a training is one checkpoint, whichever branch it lies in.
        ("pretrained=./runs/mine/checkpoint-10,revision=main", ("mine", "checkpoint-10")),
        (
            "pretrained=lab/model,revision=v2,subfolder=checkpoint-10",
            ("lab/model", "checkpoint-10"),
        ),
        ("pretrained=lab/model,revision=step10,subfolder=step_10", ("lab/model", "step_10")),
    ],
)
def test_whose_they_are_is_told_by_the_model_s_arguments(
    tmp_path: Path, arguments: object, whose: tuple[str, str | None]
) -> None:
    found = read(tmp_path, with_arguments(arguments))
    assert {(score.model, score.revision) for score in found} == {whose}


def test_an_adapter_goes_before_a_name_that_leaves_it_out(tmp_path: Path) -> None:
    content = with_arguments("pretrained=lab/model,peft=./adapters/mine")
    found = read(tmp_path, {**content, "model_name": "lab/model"})
    assert {(score.model, score.revision) for score in found} == {("mine", None)}


def test_names_of_windows_are_paths() -> None:
    assert named(r"C:\runs\my-model\checkpoint-7") == ("my-model", "checkpoint-7")


@pytest.mark.parametrize("date", [None, "yesterday", [], 0, 1e300, True])
def test_without_a_date_the_file_s_name_says_when(tmp_path: Path, date: object) -> None:
    found = read(tmp_path, changed(date=date))
    assert found[0].scored_at == datetime(2024, 6, 11, 13, 56, 53, tzinfo=UTC)


def test_a_part_of_the_tasks_and_what_is_no_number_are_told(tmp_path: Path) -> None:
    content = changed(config={**RESULTS["config"], "limit": 10.0})
    content["results"]["wikitext"]["byte_perplexity,none"] = float("inf")
    content["results"]["wikitext"]["word_perplexity,none"] = float("nan")
    path = write(tmp_path, content)
    found = read_scores([path])
    assert found.notes == (
        f"{path}: its scores are of a part of each task (--limit 10.0), under the task's own name",
        f"{path}: 2 values are no finite number and left out: wikitext/word_perplexity, "
        "wikitext/byte_perplexity",
    )
    assert len(found.scores) == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_arguments(None, config=None), "it names no model: neither model_name nor pretrained"),
        (with_arguments("dtype=float"), "it names no model"),
        (changed(results={}), "no scores in it"),
        (changed(results={"arc": {"alias": "arc"}}), "no scores in it"),
        (changed(results={"arc": [1]}), "results of 'arc' are no object of metrics"),
        (
            changed(results={"arc": {"acc,none": float("nan")}}),
            "no scores in it: arc/acc have no finite value",
        ),
        ({"result": {}}, "neither lm-eval's results"),
        (
            with_arguments("pretrained=./runs/mine/checkpoint-10,revision=step20"),
            "its model_args name checkpoint-10 and revision step20, which are two steps; correct",
        ),
        (
            with_arguments("pretrained=lab/model,revision=step20,subfolder=checkpoint-10"),
            "its model_args name checkpoint-10 and revision step20, which are two steps; correct",
        ),
        (changed(model_name="a\nb"), "is not one line of text that can be printed"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path, content: object, says: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ScoreError) as error:
        read_scores([path])
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_of_a_folder_all_results_are_read(tmp_path: Path) -> None:
    for step in (0, 1000):
        content = with_arguments(f"pretrained=EleutherAI/pythia-70m,revision=step{step}")
        write(tmp_path, content, f"EleutherAI__pythia-70m/results_{step}.json")
    (tmp_path / "EleutherAI__pythia-70m" / "samples_arc_easy.jsonl").write_text("{}")
    found = read_scores([tmp_path])
    assert found.n_files == 2
    assert [score.revision for score in found.scores] == ["step0"] * 6 + ["step1000"] * 6


def test_runs_at_other_times_are_all_read(tmp_path: Path) -> None:
    write(tmp_path, RESULTS, "results_1.json")
    later = changed(date=RESULTS["date"] + 60)
    later["results"]["arc_easy"]["acc,none"] = 0.5
    write(tmp_path, later, "results_2.json")
    found = [s.value for s in read_scores([tmp_path]).scores if s.name == "arc_easy/acc"]
    assert found == [0.4351851851851852, 0.5]


def test_two_files_that_disagree_about_one_time_are_refused(tmp_path: Path) -> None:
    write(tmp_path, RESULTS, "results_1.json")
    other = changed()
    other["results"]["arc_easy"]["acc,none"] = 0.5
    write(tmp_path, other, "results_2.json")
    with pytest.raises(ScoreError, match="both say arc_easy/acc of EleutherAI/pythia-70m@step3000"):
        read_scores([tmp_path])
