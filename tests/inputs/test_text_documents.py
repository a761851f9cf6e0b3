"""Texts drawn one by one: which they are, in which order, and how they become windows."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from embstore.errors import CorpusError, UsageError
from embstore.inputs import text_documents
from embstore.inputs.corpus import CorpusText, open_corpus
from embstore.inputs.shuffling import Shuffle
from embstore.inputs.text_documents import draw_documents
from embstore.inputs.windows import Windows, padded
from tests import tiny_models

SENTENCES = [" ".join(f"w{40 + (7 * i + j) % 150}" for j in range(2 + i % 9)) for i in range(50)]


class WithSpecials:
    """A tokenizer of words that puts one token before and one behind each text."""

    def __init__(self) -> None:
        self._words = PreTrainedTokenizerFast(tokenizer_object=tiny_models.words(), unk_token="w3")

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[int]]:
        del add_special_tokens, truncation
        ids = self._words(text, add_special_tokens=False)["input_ids"]
        return {"input_ids": [1, *ids[: max_length - 2], 2]}


@pytest.fixture
def plain() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tiny_models.words(), unk_token="w3")


def json_lines(folder: Path, texts: list[str]) -> Path:
    path = folder / "sentences.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[CorpusText]:
    with open_corpus(json_lines(tmp_path, SENTENCES)) as text:
        yield text


def texts_of(windows: Windows, specials: int = 0) -> list[str]:
    """The words of each window, from their ids."""
    inner = slice(specials, -specials or None)
    return [
        " ".join(f"w{i}" for i in row[:n].tolist()[inner])
        for row, n in zip(windows.ids, windows.lengths, strict=True)
    ]


def test_all_texts_are_drawn_where_they_have_fewer_tokens(
    corpus: CorpusText, plain: PreTrainedTokenizerFast
) -> None:
    windows = draw_documents(corpus, plain, tokens=8192, window=512, seed=0)
    assert windows.texts == (50, 50)
    drawn = texts_of(windows)
    assert sorted(drawn) == sorted(SENTENCES)
    assert drawn != SENTENCES
    assert windows.window == 10
    assert windows.n_tokens == sum(len(text.split()) for text in SENTENCES)
    assert windows.n_special_tokens == 0


def test_texts_are_drawn_in_the_order_of_the_seed_until_the_tokens_are_full(
    corpus: CorpusText, plain: PreTrainedTokenizerFast
) -> None:
    whole = texts_of(draw_documents(corpus, plain, tokens=8192, window=512, seed=3))
    windows = draw_documents(corpus, plain, tokens=100, window=50, seed=3)
    n = windows.n_windows
    assert texts_of(windows) == whole[:n]
    assert windows.texts == (n, 50)
    assert windows.n_tokens <= 100 < windows.n_tokens + len(whole[n].split())
    other = draw_documents(corpus, plain, tokens=100, window=50, seed=4)
    assert texts_of(other) != texts_of(windows)


def test_long_texts_are_cut_and_special_tokens_count(corpus: CorpusText) -> None:
    windows = draw_documents(corpus, WithSpecials(), tokens=8192, window=6, seed=0)
    cut = [" ".join(text.split()[:4]) for text in SENTENCES]
    assert sorted(texts_of(windows, specials=1)) == sorted(cut)
    assert (windows.ids[:, 0] == 1).all()
    assert windows.n_special_tokens == 2
    ends = windows.ids[np.arange(50), windows.lengths - 1]
    assert (ends == 2).all()


def test_a_long_text_is_cut_behind_also_where_the_tokenizer_keeps_the_end(
    corpus: CorpusText,
) -> None:
    left = PreTrainedTokenizerFast(
        tokenizer_object=tiny_models.words(), unk_token="w3", truncation_side="left"
    )
    windows = draw_documents(corpus, left, tokens=8192, window=4, seed=0)
    assert sorted(texts_of(windows)) == sorted(" ".join(t.split()[:4]) for t in SENTENCES)


def test_padding_is_behind_each_text_and_masked() -> None:
    windows = padded([[5, 6], [7, 8, 9]], 0, n_texts=4)
    assert windows.ids.tolist() == [[5, 6, 0], [7, 8, 9]]
    assert windows.attention_mask.tolist() == [[True, True, False], [True, True, True]]
    assert windows.lengths.tolist() == [2, 3]
    fed = windows.inputs(np.array([0]))
    assert fed["input_ids"].tolist() == [[5, 6]]
    # A real token that is like padding makes another text.
    assert padded([[5, 6, 0], [7, 8, 9]], 0, n_texts=4).sha256 != windows.sha256


def test_lines_of_plain_text_are_the_texts_of_json_lines(
    tmp_path: Path, corpus: CorpusText, plain: PreTrainedTokenizerFast
) -> None:
    path = tmp_path / "sentences.txt"
    path.write_text("\ufeff\n" + "\r\n \t \n".join(SENTENCES))
    with open_corpus(path) as lines:
        assert (lines.n_texts, lines.corpus.n_documents) == (50, 1)
        assert lines.read_text(0, 99) == (SENTENCES[0], True)
        found = draw_documents(lines, plain, tokens=100, window=50, seed=3)
    expected = draw_documents(corpus, plain, tokens=100, window=50, seed=3)
    assert found.sha256 == expected.sha256
    assert found.texts == expected.texts


def test_files_of_a_folder_and_rows_of_a_table_are_texts(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in {"a.txt": "one\ntwo\n\n", "b.txt": " three", "c.txt": "four  \n"}.items():
        (folder / name).write_text(text)
    table = tmp_path / "table.csv"
    table.write_text('text,n\n"one\ntwo",1\n,2\nthree,3\n four ,4\n')
    for path in (folder, table):
        with open_corpus(path) as corpus:
            assert [corpus.read_text(at, 99)[0] for at in range(corpus.n_texts)] == [
                *("one\ntwo", "three", "four")
            ]


def test_texts_of_special_tokens_only_are_left_out(
    tmp_path: Path, plain: PreTrainedTokenizerFast
) -> None:
    # Of zero-width characters the tokenizer makes no token.
    path = json_lines(tmp_path, ["w10 w11", "\u200b", "w12", "\u200b\u200b", "w13 w14"])

    class Blank(WithSpecials):
        def __call__(self, text: str, **options: object) -> Mapping[str, list[int]]:
            return super().__call__(text.replace("\u200b", ""), **options)  # type: ignore[arg-type]

    with open_corpus(path) as text:
        windows = draw_documents(text, Blank(), tokens=100, window=50, seed=0)
    assert windows.texts == (3, 3)
    assert sorted(texts_of(windows, specials=1)) == ["w10 w11", "w12", "w13 w14"]


def test_only_as_much_of_a_long_text_is_read_as_fills_its_window(
    tmp_path: Path, plain: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = " ".join(f"w{10 + i % 150}" for i in range(50_000))
    with open_corpus(json_lines(tmp_path, [article, article])) as text:
        read: list[int] = []
        usual = text.read

        def watch(start: int, n_bytes: int) -> str:
            read.append(n_bytes)
            return usual(start, n_bytes)

        monkeypatch.setattr(text, "read", watch)
        windows = draw_documents(text, plain, tokens=100, window=20, seed=0)
        assert windows.ids[0].tolist() == [10 + i for i in range(20)]
        assert max(read) == 20 * text_documents._BYTES_PER_TOKEN
        # Words longer than that: reading goes on.
        monkeypatch.setattr(text_documents, "_BYTES_PER_TOKEN", 1)
        again = draw_documents(text, plain, tokens=100, window=20, seed=0)
    assert again.ids[:, :19].tolist() == windows.ids[:, :19].tolist()


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        (["w10 w11"], {}, r"corpus sentences: one text only, .* two or more; give windows of toke"),
        (["w10 " * 40, "w11 " * 40], {"tokens": 60}, r"1 of its 2 texts fits into 60 tokens.*100"),
        (["w10 " * 40, "\u200b"], {}, r"of its 2 texts only one has a token of text"),
        (["\u200b", "\u200b"], {}, r"of its 2 texts none has a token of text"),
    ],
)
def test_fewer_than_two_texts_are_refused(
    tmp_path: Path, texts: list[str], options: dict[str, int], said: str
) -> None:
    class Blank(WithSpecials):
        def __call__(self, text: str, **options: object) -> Mapping[str, list[int]]:
            return super().__call__(text.replace("\u200b", ""), **options)  # type: ignore[arg-type]

    given = {"tokens": 100, **options}
    with (
        open_corpus(json_lines(tmp_path, texts)) as text,
        pytest.raises(CorpusError, match=said),
    ):
        draw_documents(text, Blank(), tokens=given["tokens"], window=50, seed=0)


def test_a_window_without_room_is_refused(corpus: CorpusText) -> None:
    with pytest.raises(UsageError, match=r"window 3: too small.* adds 2 special tokens.*take 4"):
        draw_documents(corpus, WithSpecials(), tokens=100, window=3, seed=0)


@pytest.mark.parametrize("unit", ["tokens", "words"])
def test_shuffling_draws_the_same_texts(
    corpus: CorpusText, plain: PreTrainedTokenizerFast, unit: str
) -> None:
    as_it_is = texts_of(draw_documents(corpus, plain, tokens=100, window=50, seed=3))
    shuffled = texts_of(
        draw_documents(corpus, plain, tokens=100, window=50, seed=3, shuffle=Shuffle.of(unit, 3))
    )
    assert shuffled != as_it_is
    assert [sorted(text.split()) for text in shuffled] == [sorted(t.split()) for t in as_it_is]
