"""What tests of several rooms build on: tiny models, and texts that they can read.

Nothing here imports torch before a test needs it: many need it never, nor does the process
that hands the tests out to workers.
"""

import functools
import gc
import os
import random
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import typer.main
import typer.testing

# `make quick` leaves out what is marked so; pyproject.toml says what each mark means.
LONG = ("slow", "browser", "models")
# Tests with these fixtures need no decorator; what a database server answers takes seconds.
MARKED = {"browser": "browser", "demo": "models", "postgres": "slow"}


def pytest_configure() -> None:
    """Let Ctrl-C end what tests start, also where the tests themselves ignore it.

    What a shell starts in the background ignores it, and so does all that is started from there.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without looking for garbage, and never look through what they import.

    Importing torch and transformers makes millions of objects, and all of them stay: looking
    through them again and again takes a third of the time that collecting takes.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes a browser, the demo or a server, and begin with the files of long tests.

    Workers take file after file, so that what a file's tests share is made once; a long one
    that came last would leave the other workers without work.
    """
    for item in items:
        for fixture, mark in MARKED.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
    long = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True, scope="session")
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give all tests of all workers one cache folder, so that a text is cleaned once."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBSTORE_CACHE", str(shared / "cache"))
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_command_line() -> Iterator[None]:
    """Build the command line once: that takes as long as many a command."""
    built = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", built)
        patch.setattr(typer.testing, "_get_command", built)
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE", "QUERIES", "LOCK_TIMEOUT"):
        monkeypatch.delenv(f"EMBSTORE_{name}", raising=False)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder of three blocks with random weights, as a model folder."""
    from tests import tiny_models

    return tiny_models.build("llama", tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of three blocks with random weights, as a model folder."""
    from tests import tiny_models

    return tiny_models.build("bert", tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a random model of a family, as a folder that all tests share and none changes."""
    from tests import tiny_models

    folder = tmp_path_factory.mktemp("families")
    return functools.cache(lambda family: tiny_models.build(family, folder / family))


@pytest.fixture(scope="session")
def write_text(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Write a text of so many words that the tiny tokenizer knows."""
    from tests import tiny_models

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


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the Hub's cache: empty, and the test's own."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder
