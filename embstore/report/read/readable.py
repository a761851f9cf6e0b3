"""Makes texts of the store fit to be shown."""

from collections.abc import Sequence
from typing import Any

# Control characters, line separators, and the marks that turn the direction of all the text
# after them: no model needs them in its name, and one could pass for another with them.
_UNREADABLE = dict.fromkeys(
    [
        *(*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F),
        *(*range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF),
    ],
    "\ufffd",
)


def readable(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    r"""Return rows whose texts can be shown: a replacement mark for what would garble a page.

    >>> readable([{"name": "a\u202eb"}]) == [{"name": "a\ufffdb"}]
    True
    """
    return [
        {key: _replaced(value) if isinstance(value, str) else value for key, value in row.items()}
        for row in rows
    ]


def _replaced(text: str) -> str:
    # Most texts are printable, which is faster to see.
    return text if text.isprintable() else text.translate(_UNREADABLE)
