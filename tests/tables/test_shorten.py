"""Names that differ still do when they are shortened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.tables.shorten import are_apart, shortening, width_of

STEPS = [f"lab/pythia-{size}m@step{step}" for size in (14, 70) for step in (0, 1, 143000)]
LONG = "organisation-with-a-long-name/a-model-that-goes-on-and-on-7b-instruct-"


@pytest.mark.parametrize(
    ("texts", "width"),
    [
        (STEPS, 18),
        (STEPS, 14),
        ([f"{LONG}a", f"{LONG}b"], 20),
        ([f"{LONG}a", f"{LONG}b", "beta/llama", "組織/日本語モデル-7億"], 12),
        (["Cosine with the next layer", "Linear CKA with the next layer"], 12),
        ([f"{size}m of the series, step 0 to step 143000" for size in (14, 70)], 10),
        (
            [
                "the same text around one that differs here",
                "the same text around two that differs here",
            ],
            12,
        ),
    ],
)
def test_different_texts_stay_different(texts: list[str], width: int) -> None:
    shorten = shortening(texts, width)
    shown = [shorten(text) for text in texts]
    assert len(set(shown)) == len(texts)
    assert are_apart(texts, width)
    assert max(map(width_of, shown)) <= width


def test_what_all_have_in_common_goes_first() -> None:
    shorten = shortening(STEPS, 18)
    assert shorten("lab/pythia-14m@step143000") == "lab…14m@step143000"
    assert shorten("lab/pythia-70m@step0") == "lab…70m@step0"


def test_numbers_are_not_torn_apart() -> None:
    shorten = shortening(["a-long-name-14m", "a-long-name-140m"], 10)
    assert shorten("a-long-name-140m") == "a-lon…140m"


def test_what_fits_is_left_alone_and_what_was_not_known_fits_too() -> None:
    shorten = shortening(["short", *STEPS], 20)
    assert shorten("short") == "short"
    assert width_of(shorten("another name, which is longer than that")) <= 20


def test_texts_that_cannot_be_told_apart_are_said_to_be_alike() -> None:
    assert not are_apart([f"{n:012}x" for n in range(2000)], 3)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.integers(3, 30))
def test_nothing_is_wider_than_asked(texts: list[str], width: int) -> None:
    shorten = shortening(texts, width)
    assert all(width_of(shorten(text)) <= width for text in texts)
