"""What a tag may be: a key and a value, which the command line writes as KEY=VALUE."""

from collections.abc import Mapping

from embstore.common.utf8_text import is_utf8
from embstore.errors import UsageError

# The tag that says which models are seeds of one another: those whose runs have it alike.
SEED_GROUP = "seed_group"
_LONGEST_GROUP = 200


def check_group(group: str) -> None:
    """Refuse what cannot be the name of a group of seeds.

    Raises:
        UsageError: it is blank, has space around it, is longer than a line, or is no text.
    """
    advice = "give one line without space around it, as a model is called"
    if not group.strip():
        raise UsageError(f"the group's name is empty; {advice}")
    if group != group.strip() or not group.isprintable():
        raise UsageError(f"{group!r} cannot be a group's name; {advice}")
    if len(group) > _LONGEST_GROUP:
        raise UsageError(
            f"the group's name has {len(group):,} characters; give {_LONGEST_GROUP} or fewer"
        )


def check_tags(tags: Mapping[str, str | None]) -> None:
    """Refuse tags that could not be given or chosen on the command line, or not be stored.

    A key with space around it, which an earlier embstore may have stored, can be taken away.

    Raises:
        UsageError: a key is blank, has space around it or contains ``=``; one is no text; or a
            group of seeds cannot be called so.
    """
    for key, value in tags.items():
        if not key.strip() or "=" in key:
            raise UsageError(f"a tag's key must not be blank or contain =, as {key!r} does")
        if value and key != key.strip():
            raise UsageError(f"a tag's key must not have space around it, as {key!r} does")
        if not is_utf8(key) or not is_utf8(value or ""):
            raise UsageError(f"tag {f'{key}={value}'!r} is not UTF-8 text")
        if key == SEED_GROUP and value:
            check_group(value)
