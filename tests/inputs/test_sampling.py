"""The rules for the numbers of a sample, and how they are told."""

import numpy as np
import pytest

from embstore.choices import Sampling
from embstore.errors import UsageError
from embstore.inputs.sampling import check_sampling, check_seed, whole_number


@pytest.mark.parametrize("value", [True, 3.0, "3", None])
def test_what_is_no_whole_number_is_refused(value: int) -> None:
    with pytest.raises(UsageError, match=r"^tokens must be a whole number, not "):
        whole_number("tokens", value, least=1)


def test_numpy_integers_are_whole_numbers() -> None:
    assert type(whole_number("tokens", np.int64(3), least=1)) is int


def test_a_seed_that_no_store_holds_still_draws() -> None:
    assert check_seed(2**64) == 2**64
    with pytest.raises(UsageError, match=r"^seed must be at most 2\^63 - 1, not 18,446,744,073"):
        check_sampling(Sampling(seed=2**64))
    with pytest.raises(UsageError, match=r"^seed must be at least 0, not a huge number$"):
        check_seed(-(10**5000))


def test_a_window_is_no_longer_than_all_tokens() -> None:
    assert check_sampling(Sampling(tokens=64, window=64)).window == 64
    with pytest.raises(UsageError, match=r"^window must be at most 64, the tokens asked for"):
        check_sampling(Sampling(tokens=64, window=65))
