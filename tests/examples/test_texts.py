"""What the example trains on, and what it measures."""

from pathlib import Path

import pytest

from embstore.inputs.corpus import open_corpus
from examples.training_series.text import split_text
from examples.training_series.tokens import train_tokenizer, windows_of


@pytest.mark.models
def test_no_article_is_both_trained_on_and_measured(tmp_path: Path) -> None:
    split = split_text(tmp_path, every=3, most=7)
    assert (len(split.training), len(split.held_out)) == (5, 2)
    assert not set(split.training) & set(split.held_out)
    assert split.training[0].startswith("Anarchism is")
    with open_corpus(split.file) as corpus:
        assert corpus.corpus.n_documents == 2
        assert corpus.read(0, corpus.n_bytes) == "\n\n".join(split.held_out)


def test_the_tokenizer_loses_no_byte_and_adds_no_token() -> None:
    tokenizer = train_tokenizer(["a banana", "an ananas"], vocabulary=262)
    assert len(tokenizer) <= 262
    text = "bananas, naïve 𝄞\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer("")["input_ids"] == []


def test_texts_are_joined_by_their_ends_and_cut_into_windows() -> None:
    tokenizer = train_tokenizer(["ab"], vocabulary=257)
    a, b, end = (tokenizer.convert_tokens_to_ids(token) for token in ("a", "b", "<|endoftext|>"))
    windows = windows_of(["abb", "bab"], tokenizer, window=3)
    # The seventh and eighth token fill no window.
    assert [window["input_ids"].tolist() for window in windows] == [[a, b, b], [end, b, a]]
    assert all((window["labels"] == window["input_ids"]).all() for window in windows)
