"""A live measurement is the run that ingesting the saved checkpoint makes, number for number."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerFast,
)

import embstore
from embstore.errors import ModelError
from embstore.ingestion.training.how import How
from tests import remote_code

pytestmark = pytest.mark.slow

Pairs = list[tuple[float | None, float | None]]

NUMBERS = "SELECT stack, layer, site, scope, metric, value FROM profile ORDER BY ALL"


@pytest.fixture
def saved(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Callable[[nn.Module], Path]:
    """Save a model as the Trainer saves step 5 of a training into ``out``."""

    def save(model: nn.Module) -> Path:
        folder = tmp_path / "out" / "checkpoint-5"
        model.save_pretrained(folder)  # type: ignore[operator]
        tokenizer.save_pretrained(folder)
        return tmp_path / "out"

    return save


@pytest.fixture
def pairs_of(
    record: Callable[..., embstore.Recorder],
    saved: Callable[[nn.Module], Path],
    store: Path,
    text: Path,
    how: How,
) -> Callable[..., Pairs]:
    """Measure a model live and from its saved folder; give both numbers of each measurement."""

    def measure(model: nn.Module, **changed: Any) -> Pairs:
        asked: Any = {**how, **changed}
        before = [weight.detach().clone() for weight in model.parameters()]
        with record(model, **asked) as recorder:
            live = recorder.measure(5)
        assert live.status == "measured", live.reason
        assert all(
            torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True)
        )
        out = saved(model)
        (again,) = embstore.ingest(out, corpus=text, store=store, **asked)
        assert (again.status, again.run_id) == ("stored", live.run_id)
        other_store = store.with_name("saved.duckdb")
        (ingested,) = embstore.ingest(out, corpus=text, store=other_store, **asked)
        assert ingested.run_id == live.run_id
        stores = [embstore.open(path) for path in (store, other_store)]
        facts = [each.sql("SELECT * FROM model").to_pylist() for each in stores]
        assert facts[0] == facts[1]
        configs = [each.sql("SELECT model_config FROM run").to_pylist() for each in stores]
        assert configs[0] == configs[1] != [{"model_config": None}]
        answers = [each.sql(NUMBERS).to_pylist() for each in stores]
        assert [list(row.values())[:-1] for row in answers[0]] == [
            list(row.values())[:-1] for row in answers[1]
        ]
        return [(one["value"], two["value"]) for one, two in zip(*answers, strict=True)]

    return measure


def _equal(pairs: Pairs) -> bool:
    # The copy is run as the saved one is, so that not even the last bit differs.
    return bool(pairs) and all(one == two for one, two in pairs)


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("gpt2", AutoModelForCausalLM),
        ("gpt_neox", AutoModelForCausalLM),
        ("llama", AutoModelForCausalLM),
        # Its masked model has no pooler, which the one without a head has.
        ("bert", AutoModelForMaskedLM),
        # One block, applied three times.
        ("albert", AutoModelForMaskedLM),
        # Changes its weights when it runs.
        ("rwkv", AutoModelForCausalLM),
        # Not built around a model without a head.
        ("t5", AutoModelForSeq2SeqLM),
        ("bart", AutoModelForSeq2SeqLM),
    ],
)
def test_numbers_and_run_are_those_of_the_saved_checkpoint(
    family: str,
    kind: type,
    make_model: Callable[..., nn.Module],
    pairs_of: Callable[..., Pairs],
) -> None:
    assert _equal(pairs_of(make_model(family, kind)))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_weights_of_bfloat16_are_measured_in_float32(
    family: str,
    make_model: Callable[..., nn.Module],
    store: Path,
    pairs_of: Callable[..., Pairs],
) -> None:
    # Llama's frequencies, which no checkpoint holds, lose digits on the way.
    model = make_model(family).to(torch.bfloat16)
    assert _equal(pairs_of(model))
    (configuration,) = embstore.open(store).sql("SELECT DISTINCT dtype FROM run").to_pylist()
    assert configuration == {"dtype": "float32"}


def test_attention_of_the_training_makes_no_difference(
    make_model: Callable[..., nn.Module],
    pairs_of: Callable[..., Pairs],
) -> None:
    model = make_model("llama", attn_implementation="eager")
    assert _equal(pairs_of(model))
    assert model.config._attn_implementation == "eager"  # type: ignore[union-attr]


# What peft asks of transformers is on its way out there.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_is_the_run_of_its_saved_folder(
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    saved: Callable[[nn.Module], Path],
    tokenizer: PreTrainedTokenizerFast,
    pairs_of: Callable[..., Pairs],
) -> None:
    from peft import LoraConfig, get_peft_model

    base = tmp_path / "base"
    make_model("llama").save_pretrained(base)  # type: ignore[operator]
    tokenizer.save_pretrained(base)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=4,
        lora_dropout=0.1,
        target_modules=["q_proj", "v_proj"],
        init_lora_weights=False,
    )
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base).train(), config)
    # The saved adapter is added to the weights, here it runs beside them: float32 rounds apart,
    # by 1e-7 of a coordinate, and quantiles and means of cosines near 0 by more of themselves.
    # Windows that begin with the same word have one first token twice, which rounding may tear
    # apart: left out here, for a pair as close as that decides a mean of logarithms.
    pairs = pairs_of(adapted, scopes="no_first")
    assert not _equal(pairs)
    assert [one for one, _ in pairs] == pytest.approx([two for _, two in pairs], rel=2e-5, abs=2e-6)


def test_weights_that_were_unpacked_are_those_that_they_are_saved_as(
    make_model: Callable[..., nn.Module],
    record: Callable[..., embstore.Recorder],
    saved: Callable[[nn.Module], Path],
    store: Path,
    text: Path,
    how: How,
) -> None:
    # As transformers leaves a model that it has read from a GGUF file: it refuses to save it.
    model: Any = make_model()
    model.hf_quantizer = SimpleNamespace(quantization_config=SimpleNamespace(quant_method="gguf"))
    with pytest.raises(ValueError, match="quantized with gguf"):
        saved(model)
    with record(model) as recorder:
        live = recorder.measure(5)
    assert live.status == "measured", live.reason
    assert model.hf_quantizer is not None
    model.hf_quantizer = None
    (again,) = embstore.ingest(saved(model), corpus=text, store=store, **how)
    assert (again.status, again.run_id) == ("stored", live.run_id)


def test_a_folder_that_was_just_saved_is_not_written_again(
    make_model: Callable[..., nn.Module],
    record: Callable[..., embstore.Recorder],
    saved: Callable[[nn.Module], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model()
    out = saved(model)
    with record(model) as recorder:
        first = recorder.measure(5)

        def refuse(*_args: object, **_options: object) -> None:
            raise AssertionError("written again")

        monkeypatch.setattr(transformers.PreTrainedModel, "save_pretrained", refuse)
        again = recorder.measure(5, folder=out / "checkpoint-5")
    assert (first.status, again.status) == ("measured", "stored")
    assert first.run_id == again.run_id


def test_what_ingest_has_stored_is_not_measured_live(
    make_model: Callable[..., nn.Module],
    record: Callable[..., embstore.Recorder],
    saved: Callable[[nn.Module], Path],
    store: Path,
    text: Path,
    how: How,
) -> None:
    model = make_model()
    (ingested,) = embstore.ingest(saved(model), corpus=text, store=store, **how)
    with record(model) as recorder:
        live = recorder.measure(5)
    assert (live.status, live.run_id, live.run) == ("stored", ingested.run_id, None)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_of_several_adapters_the_active_one_is_measured(
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    record: Callable[..., embstore.Recorder],
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    from peft import LoraConfig, get_peft_model

    def config(part: str) -> LoraConfig:
        return LoraConfig(r=4, target_modules=[part], init_lora_weights=False)

    make_model("llama").save_pretrained(tmp_path / "base")  # type: ignore[operator]
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    model = get_peft_model(base, config("q_proj"), adapter_name="policy")
    model.add_adapter("reference", config("v_proj"))
    runs = []
    for name in ("policy", "reference"):
        model.set_adapter(name)
        with record(model) as recorder:
            runs.append(recorder.measure(0))
        model.save_pretrained(tmp_path / "saved")
        with record(model) as recorder:
            again = recorder.measure(0, folder=tmp_path / "saved")
        assert (again.status, again.run_id) == ("stored", runs[-1].run_id)
    assert [run.status for run in runs] == ["measured"] * 2
    assert runs[0].run_id != runs[1].run_id


def test_identifying_a_model_leaves_its_configuration_alone(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    model = make_model()
    # Transformers refuses to save this, as it does of models that were saved years ago.
    model.generation_config.do_sample = False  # type: ignore[union-attr]
    model.generation_config.temperature = 0.3  # type: ignore[union-attr]
    before = model.config.to_dict(), model.generation_config.to_dict()  # type: ignore[operator,union-attr]
    with record(model) as recorder:
        recorded = recorder.measure(0)
    assert recorded.status == "measured", recorded.reason
    assert before == (model.config.to_dict(), model.generation_config.to_dict())  # type: ignore[operator,union-attr]


def test_a_model_with_code_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[..., embstore.Recorder],
    pairs_of: Callable[..., Pairs],
) -> None:
    folder = remote_code.build(tmp_path, monkeypatch)
    model = AutoModel.from_pretrained(folder, trust_remote_code=True).train()
    with pytest.raises(ModelError, match=r"OddModel, comes with Python code.*allow_remote_code"):
        record(model)
    assert _equal(pairs_of(model, allow_remote_code=True))
