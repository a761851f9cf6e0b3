"""A model's size without its weights is that of the loaded model, in every family."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embstore.checkpoints.locate import locate
from embstore.errors import ModelError
from embstore.models.description import describe, model_size
from tests import tiny_models


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_size_is_that_of_the_loaded_model(family: str, build: Callable[[str], Path]) -> None:
    folder = build(family)
    shape = model_size(describe(locate(str(folder))))
    loaded = tiny_models.load(folder, fast_linears=False)
    assert shape.n_parameters == loaded.facts.n_parameters
    assert shape.hidden_size == loaded.facts.hidden_size == 32
    assert shape.n_layers == tuple(stack.n_layers for stack in loaded.stacks)
    # One more for a final norm, which not every family has.
    n_states = sum(len(stack.keys) for stack in loaded.stacks)
    assert n_states <= shape.n_states <= n_states + len(loaded.stacks)
    # The inner layer is twice d here, queries, keys and values together three times.
    assert 64 <= shape.widest <= 128


def test_a_configuration_that_makes_no_model(tiny_llama: Path, tmp_path: Path) -> None:
    known = describe(locate(str(tiny_llama)))
    known.config.num_key_value_heads = 0
    with pytest.raises(ModelError, match="cannot build tiny-llama from its configuration: "):
        model_size(known)
