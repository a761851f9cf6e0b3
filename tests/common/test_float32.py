"""Products in all of float32's digits, whatever was allowed before, and as it was afterwards."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from embstore.common.float32 import _parts, all_of_float32

# Its newer names are unknown to some releases.
backends: Any = torch.backends


def setting(part: object, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(part, name, value)


WAYS: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "high": lambda: torch.set_float32_matmul_precision("high"),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "products": setting(backends.cuda.matmul, "allow_tf32", True),
    "no convolutions": setting(backends.cudnn, "allow_tf32", False),
}
NEWER = {
    "all": setting(backends, "fp32_precision", "tf32"),
    "of a library": setting(backends.cudnn, "fp32_precision", "tf32"),
    "products by the newer name": setting(backends.cuda.matmul, "fp32_precision", "tf32"),
    "convolutions": setting(getattr(backends.cudnn, "conv", None), "fp32_precision", "ieee"),
    "on the processor": setting(getattr(backends.mkldnn, "matmul", None), "fp32_precision", "bf16"),
}
if hasattr(backends, "fp32_precision"):
    WAYS |= NEWER


# What torch says by a raised error, where a part was set by its newer name.
UNREADABLE = "unreadable"


def older(read: Callable[[], object]) -> object:
    try:
        return read()
    except RuntimeError:
        return UNREADABLE


def state() -> list[object]:
    """Return everything that can be read of what is allowed."""
    return [
        older(torch.get_float32_matmul_precision),
        older(lambda: backends.cuda.matmul.allow_tf32),
        older(lambda: backends.cudnn.allow_tf32),
        *(part.fp32_precision for part in _parts(backends)),
    ]


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    before = state()
    yield
    for whole in (backends, backends.cudnn):
        if hasattr(whole, "fp32_precision"):
            whole.fp32_precision = "none"
    for part in _parts(backends):
        part.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = True
    for part in _parts(backends):
        part.fp32_precision = (
            "tf32" if part in (backends.cudnn.conv, backends.cudnn.rnn) else "none"
        )
    assert state() == before


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_allowed_is_allowed_again_afterwards(way: str) -> None:
    WAYS[way]()
    before = state()
    with contextlib.suppress(ZeroDivisionError), all_of_float32():
        # What could be read can be: a device's own product asks by the older names, and fails
        # where it cannot.
        readable = [now for now, was in zip(state(), before, strict=True) if was != UNREADABLE]
        assert set(readable) <= {"highest", False, "ieee", "none"}
        assert {part.fp32_precision for part in _parts(backends)} <= {"ieee", "none"}
        raise ZeroDivisionError
    assert state() == before


@pytest.mark.skipif("all" not in WAYS, reason="this torch has no precision of all parts")
@pytest.mark.usefixtures("_as_it_was")
def test_parts_still_follow_what_is_set_for_all() -> None:
    backends.fp32_precision = "tf32"
    with all_of_float32():
        pass
    backends.fp32_precision = "ieee"
    assert backends.cuda.matmul.fp32_precision == "ieee"
