"""What a tag may be: a key and a value, which the command line writes as KEY=VALUE."""

from collections.abc import Mapping

from embstore.common.utf8_text import is_utf8
from embstore.errors import UsageError


def check_tags(tags: Mapping[str, str | None]) -> None:
    """Refuse tags that could not be given or chosen on the command line, or not be stored.

    A key with space around it, which an earlier embstore may have stored, can be taken away.

    Raises:
        UsageError: a key is blank, has space around it or contains ``=``; or one is no text.
    """
    for key, value in tags.items():
        if not key.strip() or "=" in key:
            raise UsageError(f"a tag's key must not be blank or contain =, as {key!r} does")
        if value and key != key.strip():
            raise UsageError(f"a tag's key must not have space around it, as {key!r} does")
        if not is_utf8(key) or not is_utf8(value or ""):
            raise UsageError(f"tag {f'{key}={value}'!r} is not UTF-8 text")
