"""Layers are measured side by side as long as they fit in memory."""

import pytest

from embstore.measuring import layers_at_once as module
from embstore.measuring.layers_at_once import (
    bytes_of_one,
    bytes_to_take_in,
    layers_at_once,
    taken_in_at_once,
)

GB = 10**9


@pytest.mark.parametrize(
    ("d", "memory", "expected"),
    [
        (576, 16 * GB, 16),
        (2048, 16 * GB, 4),
        (4096, 16 * GB, 1),
        (8192, 16 * GB, 1),
        (4096, 128 * GB, 6),
        (4096, 1024 * GB, 16),
    ],
)
def test_wide_layers_go_one_after_the_other_unless_there_is_much_memory(
    d: int, memory: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "total_memory", lambda: memory)
    need = bytes_of_one(d, 4096, 2, pairs=True, search=True)
    found = layers_at_once(need, 16)
    assert found == expected
    assert found == 1 or found * need <= max(3 * GB, memory / 8)


@pytest.mark.parametrize(("free", "expected"), [(80 * GB, 7), (20 * GB, 4), (GB, 1)])
def test_a_devices_memory_bounds_them_too(
    free: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "total_memory", lambda: 128 * GB)
    need = bytes_of_one(4096, 2048, 2, pairs=True, search=True)
    found = layers_at_once(need, 16, free)
    assert found == expected
    assert found == 1 or found * need <= free / 2
    assert taken_in_at_once(need, 16, free) <= max(found // 2, 1)


@pytest.mark.parametrize(("d", "expected"), [(576, 16), (2048, 4), (4096, 1)])
def test_wide_layers_are_taken_in_side_by_side_as_far_as_memory_goes(
    d: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "total_memory", lambda: 16 * GB)
    need = bytes_to_take_in(d, 4096, pairs=True)
    assert taken_in_at_once(need, 16) == expected
    assert expected == 1 or expected * need <= 1.5 * GB


def test_what_is_not_asked_for_takes_no_memory() -> None:
    whole = bytes_of_one(1024, 4096, 2, pairs=True, search=True)
    alone = bytes_of_one(1024, 4096, 2, pairs=False, search=True)
    bare = bytes_of_one(1024, 4096, 2, pairs=False, search=False)
    assert bare < alone < whole
    assert layers_at_once(0, 3) == 3
