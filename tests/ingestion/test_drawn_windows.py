"""Windows are drawn once for checkpoints with equal tokenizers, and anew for any other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from embstore.choices import Sampling
from embstore.ingestion.drawn_windows import DrawnWindows
from embstore.inputs.corpus import CorpusText, open_corpus
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.windows import Windows
from embstore.models.loaded import tokenizer_sha256
from tests import tiny_models

ASKED: dict[str, Any] = {"tokens": 64, "window": 32, "seed": 0}


@pytest.fixture
def corpus(text: Path) -> Iterator[CorpusText]:
    with open_corpus(text) as opened:
        yield opened


def tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tiny_models.words(), unk_token="w3", pad_token="w0", **options
    )


def draw(
    drawn: DrawnWindows, corpus: CorpusText, by: PreTrainedTokenizerFast, **other: Any
) -> Windows:
    asked = {**ASKED, **other}
    return drawn.draw(corpus, by, tokenizer_sha256(by), Sampling(**asked), asked["window"])


def test_the_next_checkpoint_with_the_same_tokenizer_has_the_same_windows(
    corpus: CorpusText,
) -> None:
    drawn = DrawnWindows()
    first = draw(drawn, corpus, tokenizer())
    assert first.sha256 == draw_windows(corpus, tokenizer(), **ASKED).sha256
    assert draw(drawn, corpus, tokenizer()) is first


@pytest.mark.parametrize("other", [{"window": 16}, {"tokens": 96}, {"seed": 1}])
def test_what_is_asked_otherwise_is_drawn_anew(corpus: CorpusText, other: dict[str, int]) -> None:
    drawn = DrawnWindows()
    draw(drawn, corpus, tokenizer())
    asked = {**ASKED, **other}
    expected = draw_windows(corpus, tokenizer(), **asked)
    assert draw(drawn, corpus, tokenizer(), **other).sha256 == expected.sha256


@pytest.mark.parametrize("other", [{"shuffle": "words"}, {"shuffle": "tokens"}])
def test_what_is_shuffled_is_drawn_anew(corpus: CorpusText, other: dict[str, str]) -> None:
    drawn = DrawnWindows()
    first = draw(drawn, corpus, tokenizer())
    shuffled = draw(drawn, corpus, tokenizer(), **other)
    assert shuffled.sha256 != first.sha256
    assert draw(drawn, corpus, tokenizer(), **other) is shuffled


def test_another_tokenizer_draws_anew_even_where_its_compiled_rules_are_equal(
    corpus: CorpusText,
) -> None:
    drawn = DrawnWindows()
    first = draw(drawn, corpus, tokenizer())
    # Spells special tokens out that a text has, of which this one has none.
    other = draw(drawn, corpus, tokenizer(split_special_tokens=True))
    assert other is not first
    # Which end of a text it keeps elsewhere is all one.
    left = tokenizer(split_special_tokens=True, truncation_side="left")
    assert draw(drawn, corpus, left) is other


def test_a_tokenizer_that_is_not_compiled_draws_each_time(corpus: CorpusText) -> None:
    class Slow:
        def __call__(self, text: str, *, max_length: int, **_: object) -> dict[str, list[int]]:
            return {"input_ids": [len(word) for word in text.split()][:max_length]}

    drawn = DrawnWindows()
    found = [drawn.draw(corpus, Slow(), "same", Sampling(**ASKED), 32) for _ in range(2)]
    assert found[0] is not found[1]
