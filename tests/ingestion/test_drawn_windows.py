"""Windows are drawn once for checkpoints with equal tokenizers, and anew for any other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing
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


def test_special_tokens_that_the_text_spells_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"w{10 + i % 150} <|end|> unknown" for i in range(300)))
    drawn = DrawnWindows()
    with open_corpus(path) as text:
        windows = [
            draw(drawn, text, tokenizer(eos_token="<|end|>"), seed=seed).ids for seed in (0, 1)
        ]
        assert draw(drawn, text, tokenizer()).ids.max() < tiny_models.VOCAB
    (record,) = caplog.records
    n = int((windows[0] == tiny_models.VOCAB).sum())
    assert 15 < n < 30
    assert record.message.startswith(f"{n} tokens in the windows, as <|end|>, are spelled in the")


def test_special_tokens_that_the_tokenizer_adds_are_no_matter(
    corpus: CorpusText, caplog: pytest.LogCaptureFixture
) -> None:
    by = tokenizer(eos_token="<|end|>")
    by.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <|end|>", special_tokens=[("<|end|>", tiny_models.VOCAB)]
    )
    windows = draw(DrawnWindows(), corpus, by)
    assert (windows.ids[:, -1] == tiny_models.VOCAB).all()
    assert not caplog.records
