"""How the tokens that count look: alike in every chart, whichever scopes it has."""

from collections.abc import Sequence
from typing import TypeVar

from embstore.choices import SCOPE_WORDS

_Look = TypeVar("_Look")

_IN_ORDER = ("all", "no_sinks", "no_first", "last", "mean")
_PLACES = {SCOPE_WORDS[name]: place for place, name in enumerate(_IN_ORDER)}
# How much of a marker's colour shows, and what a marker is called of which so much shows.
FILLS = (1.0, 0.0, 0.4, 0.7, 0.2)
FILL_WORDS = ("filled", "hollow", "light", "dark", "pale")


def by_scope(names: Sequence[str], looks: Sequence[_Look]) -> list[_Look]:
    """Give each scope the look it has in every chart; other names take them one by one.

    >>> by_scope(["without attention sinks", "all tokens"], FILLS)
    [0.0, 1.0]
    >>> by_scope(["a", "b", "c"], FILL_WORDS)
    ['filled', 'hollow', 'light']
    """
    places = [_PLACES.get(name, i) for i, name in enumerate(names)]
    return [looks[place % len(looks)] for place in places]
