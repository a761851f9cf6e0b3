"""What several test modules build on: a tiny model, a text it can read, a store."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from embstore.demo import Finding, run_demo
from tests import tiny_models

# A test never reaches the network: a Hub id is only looked for in the cache. The variable
# is for processes that tests start; here it has been read already.
os.environ["HF_HUB_OFFLINE"] = "1"
constants.HF_HUB_OFFLINE = True


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        *("EMBSTORE_STORE", "EMBSTORE_QUERIES", "EMBSTORE_LOCK_TIMEOUT", "EMBSTORE_CACHE"),
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder of three blocks with random weights, as a model folder."""
    return tiny_models.build("llama", tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of three blocks with random weights, as a model folder."""
    return tiny_models.build("bert", tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="session")
def write_text(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Write a text of so many words that the tiny tokenizer knows."""

    def write(n_words: int) -> Path:
        rng = random.Random(n_words)
        words = (f"w{rng.randrange(5, tiny_models.VOCAB)}" for _ in range(n_words))
        path = tmp_path_factory.mktemp("text") / "words.txt"
        path.write_text(" ".join(words))
        return path

    return write


@pytest.fixture(scope="session")
def text(write_text: Callable[[int], Path]) -> Path:
    """A text of 4,000 words."""
    return write_text(4000)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Finding:
    """The demo on both pretrained models, with few tokens: the one time they are loaded."""
    return run_demo(tmp_path_factory.mktemp("demo") / "out", tokens=1024)
