"""Where texts begin: kept on disk, and found again."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

from embstore.errors import CorpusError
from embstore.inputs import text_places
from embstore.inputs.text_places import TextPlaces, are_places, places_of_lines


def bounds(places: TextPlaces, n_bytes: int) -> list[tuple[int, int]]:
    return [places.bounds(at, n_bytes) for at in range(len(places))]


def test_a_text_ends_where_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some are on disk and some not yet.
    monkeypatch.setattr(text_places, "_AT_ONCE", 3)
    places = TextPlaces()
    for place in (0, 4, 9, 11, 30):
        places.add(place)
    assert bounds(places, 33) == [(0, 4), (4, 9), (9, 11), (11, 30), (30, 33)]
    places.add(32)
    assert bounds(places, 33)[-2:] == [(30, 32), (32, 33)]
    assert np.frombuffer(b"".join(places.pieces()), "<i8").tolist() == [0, 4, 9, 11, 30, 32]
    places.close()


def test_lines_that_are_blank_are_no_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    # Lines longer than what is read at once.
    monkeypatch.setattr(text_places, "_PIECE_BYTES", 4)
    text = b"\n  \none line\n\n\t\nanother\n    \nlast"
    places = places_of_lines(io.BytesIO(text))
    found = [text[start:end].strip() for start, end in bounds(places, len(text))]
    assert found == [b"one line", b"another", b"last"]
    places.close()


def test_ten_million_texts_take_no_memory() -> None:
    places = TextPlaces()
    for start in range(300_000):
        places.add(3 * start)
    assert len(places._few) < text_places._AT_ONCE
    assert len(places) == 300_000
    assert places.bounds(299_999, 10**7) == (899_997, 10**7)
    places.close()


def test_no_room_for_them_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    places = TextPlaces()
    places.add(0)
    with pytest.raises(CorpusError, match=r"No space left on device\); free some space"):
        places.flush()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(CorpusError, match=r"no temporary file can be made \(No such file"):
        TextPlaces()


@pytest.mark.parametrize(
    ("places", "are"),
    [
        ([0, 4, 9], True),
        ([1, 4, 9], False),
        ([0, 9, 4], False),
        ([0, 4], False),
        ([0, 4, 10], False),
    ],
)
def test_damaged_places_are_told(places: list[int], are: bool) -> None:
    assert are_places(np.array(places), n_texts=3, n_bytes=10) == are
