"""The order of tokens and words is drawn by seed, window by window, and nothing else changes."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from embstore.errors import UsageError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.encoding import Encoder
from embstore.inputs.shuffling import Shuffle
from embstore.inputs.text_windows import draw_windows
from tests import tiny_models


class InPieces:
    """A tokenizer of letters in pairs: words in another order may be more or fewer tokens."""

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[int]]:
        del add_special_tokens, truncation
        pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
        ids = [10 + sum(map(ord, pair)) for pair in pairs]
        return {"input_ids": [1, *ids[: max_length - 2], 2]}


def test_tokens_keep_their_number_and_special_ones_their_place() -> None:
    ids = np.array([1, *range(10, 40), 2, 50, 2])
    found = Shuffle("tokens").tokens(ids, [1, 2], 0)
    assert sorted(found) == sorted(ids)
    assert found[[0, 31, 33]].tolist() == [1, 2, 2]
    assert (found != ids).sum() > 20


@pytest.mark.parametrize("block", [2, 7, 64])
def test_blocks_stay_whole(block: int) -> None:
    ids = np.arange(100, 300)
    found = Shuffle("tokens", block).tokens(ids, [], 0)
    assert sorted(found) == sorted(ids)
    together = sum(b == a + 1 for a, b in pairwise(found))
    n_blocks = -(-len(ids) // block)
    # By chance some blocks follow the one that they followed before.
    assert len(ids) - n_blocks <= together <= len(ids) - n_blocks + 5
    assert found.tolist() != ids.tolist()


def test_every_order_is_as_likely() -> None:
    counts = Counter(
        tuple(Shuffle("tokens", seed=5).tokens(np.arange(3), [], n).tolist()) for n in range(3000)
    )
    assert len(counts) == 6
    # 500 each, with a spread of 20.
    assert max(abs(n - 500) for n in counts.values()) < 85


def test_words_move_and_white_space_stays() -> None:
    text = "to  be\nor not\t to\n\nbe that is the question"
    found = Shuffle("words", seed=1).words(text, 0)
    assert found != text
    assert sorted(found.split()) == sorted(text.split())
    spaces = [[part for part in "".join(" " if c.isspace() else "x" for c in t).split("x") if part]
              for t in (found, text)]  # fmt: skip
    assert spaces[0] == spaces[1]


def test_windows_and_seeds_have_orders_of_their_own() -> None:
    ids = np.arange(50)
    orders = [
        tuple(Shuffle("tokens", seed=seed).tokens(ids, [], window).tolist())
        for seed in range(3)
        for window in range(3)
    ]
    assert len(set(orders)) == 9
    assert orders[0] == tuple(Shuffle("tokens").tokens(ids, [], 0).tolist())


@pytest.fixture
def words_of_many_lengths(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "text.txt"
    path.write_text(" ".join("abcdefghijk"[: rng.integers(1, 11)] for _ in range(4000)))
    return path


def test_windows_of_shuffled_words_are_full_and_of_the_same_passages(
    words_of_many_lengths: Path,
) -> None:
    with open_corpus(words_of_many_lengths) as text:
        draw = partial(draw_windows, text, InPieces(), tokens=32 * 20, window=32, seed=2)
        as_it_is, shuffled = draw(), draw(shuffle=Shuffle.of("words", 2))
    assert shuffled.ids.shape == as_it_is.ids.shape
    assert shuffled.attention_mask.all()
    assert shuffled.sha256 != as_it_is.sha256
    assert (shuffled.ids != as_it_is.ids).any(axis=1).all()


def test_what_lacks_is_filled_with_the_words_behind_and_what_is_too_much_is_cut() -> None:
    encoder = Encoder.of(InPieces(), tokens=100, window=8)
    text = "a bcd ef ghijk l mn opq rst uvw xyz"
    found = encoder.ids(text)
    end = encoder._end_of_passage(text)
    # The fewest words that fill six tokens of two letters each.
    assert text[:end] == "a bcd ef ghijk"
    for number in range(20):
        moved = Shuffle("words").words(text[:end], number)
        ids = encoder.shuffled(text, found, Shuffle("words"), number)
        assert ids == encoder.ids(moved + text[end:])
        assert len(ids) == 8


def test_a_short_text_is_shuffled_as_a_whole() -> None:
    encoder = Encoder.of(InPieces(), tokens=100, window=50)
    assert encoder._end_of_passage("a bcd ef") == 8
    assert encoder._end_of_passage("") == 0


def test_a_window_stays_shorter_where_its_stratum_ends(tmp_path: Path) -> None:
    class ByNeighbor(InPieces):
        """Two tokens for a capital behind a small letter, so that order decides the number."""

        def __call__(self, text: str, **_: object) -> Mapping[str, list[int]]:
            most = int(str(_["max_length"]))
            ids = []
            for before, word in zip(["x", *text.split()], text.split(), strict=False):
                ids += [ord(word)] * (1 + (before.islower() and word.isupper()))
            return {"input_ids": ids[:most]}

    path = tmp_path / "text.txt"
    path.write_text(" ".join("aB" * 20))
    with open_corpus(path) as text:
        draw = partial(draw_windows, text, ByNeighbor(), tokens=60, window=60, seed=0)
        assert draw().n_tokens == 60
        shuffled = draw(shuffle=Shuffle.of("words", 0))
    assert 40 < shuffled.n_tokens < 60


def test_shuffled_tokens_are_those_of_the_window(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"w{10 + i % 150}" for i in range(3000)))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tiny_models.words(), unk_token="w3")
    with open_corpus(path) as text:
        draw = partial(draw_windows, text, tokenizer, tokens=320, window=32, seed=2)
        as_it_is = draw()
        for shuffle in ("tokens", "tokens:4", "words"):
            shuffled = draw(shuffle=Shuffle.of(shuffle, 2))
            assert (np.sort(shuffled.ids) == np.sort(as_it_is.ids)).all()
            assert shuffled.sha256 != as_it_is.sha256


@pytest.mark.parametrize(
    ("shuffle", "said"),
    [
        ("word", r"unknown shuffle 'word' \(did you mean words\?\); choose from none, tokens, w"),
        ("tokens:", r"shuffle 'tokens:': after the colon stands how many tokens or words"),
        ("tokens:0", r"after the colon"),
        ("words:-3", r"after the colon"),
        ("none:4", r"after the colon"),
        ("", r"unknown shuffle ''"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(shuffle: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Shuffle.of(shuffle, 0)


@pytest.mark.parametrize("shuffle", ["none", "words", "tokens"])
def test_a_tokenizer_that_keeps_the_end_of_a_text_reads_the_same_passages(
    tmp_path: Path, shuffle: str
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"w{10 + i % 150}" for i in range(3000)))
    right, left = (
        PreTrainedTokenizerFast(
            tokenizer_object=tiny_models.words(), unk_token="w3", truncation_side=side
        )
        for side in ("right", "left")
    )
    with open_corpus(path) as text:
        found = [
            draw_windows(text, it, tokens=320, window=32, seed=2, shuffle=Shuffle.of(shuffle, 2))
            for it in (right, left)
        ]
    assert found[0].ids.tolist() == found[1].ids.tolist()
    # The tokenizer itself still does what its owner has set.
    assert left.truncation_side == "left"
    assert left("w10 w11 w12", truncation=True, max_length=2)["input_ids"] == [11, 12]
