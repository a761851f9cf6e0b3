"""Layers are measured side by side as long as they fit in memory."""

import pytest

from embstore.measuring import side_by_side as module
from embstore.measuring.side_by_side import bytes_of_one, side_by_side

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
    found = side_by_side(need, cores=16)
    assert found == expected
    assert found == 1 or found * need <= max(3 * GB, memory / 8)


def test_what_is_not_asked_for_takes_no_memory() -> None:
    whole = bytes_of_one(1024, 4096, 2, pairs=True, search=True)
    alone = bytes_of_one(1024, 4096, 2, pairs=False, search=True)
    bare = bytes_of_one(1024, 4096, 2, pairs=False, search=False)
    assert bare < alone < whole
    assert side_by_side(0, cores=3) == 3
