"""What is refused before anything is measured."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import ModelError, UsageError
from tests.ingestion.series.ingests import SMALL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 2**63}, r"seed must be at most 2\^63 - 1, not 9,223,372,036,854,775,808"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"seed": 1.0}, r"seed must be a whole number, not 1\.0"),
        ({"batch_size": 0}, "batch size must be at least 1, not 0"),
        ({"tokens": 64, "window": 65}, "window must be at most 64, the tokens asked for, not 65"),
        ({"revisions": ["step10", ""]}, "revisions has an empty name in 'step10,'; give names"),
        ({"tags": {"a=b": "c"}}, "key must not be blank or contain =, as 'a=b' does"),
        ({"tokens": 0}, "tokens must be at least 1, not 0"),
        ({"sample": -5}, "sample must be at least 1, not -5"),
        ({"models": []}, "no model is given; name one or more, or a study"),
        ({"corpus": ""}, "no corpus is given; name one, for example enwik8"),
    ],
)
def test_numbers_out_of_range_and_empty_names_are_refused_first(
    options: dict[str, Any], message: str, series: Path, text: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"corpus": text, "store": tmp_path / "s.duckdb", **SMALL, **options}
    with pytest.raises(UsageError, match=message):
        embstore.ingest(given.pop("models", series), **given)


def test_two_models_of_one_name_are_not_mixed_up(
    trained: list[Path], text: Path, tmp_path: Path
) -> None:
    one, two = (Path(shutil.copytree(trained[n], tmp_path / str(n) / "model")) for n in (0, 1))
    with pytest.raises(UsageError, match="are both called model@local; measure them one at a time"):
        embstore.ingest([one, two], corpus=text, store=tmp_path / "s.duckdb", **SMALL)


def test_an_adapter_on_itself_is_refused(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(folder)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    with pytest.raises(ModelError, match="is an adapter itself; merge it into its model first"):
        embstore.ingest(folder, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
