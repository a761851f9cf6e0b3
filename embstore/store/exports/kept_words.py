"""Keeps what people wrote into the descriptions of an export while embstore renews its own part."""

import json
from collections.abc import Mapping
from typing import Any

# The part of a card's text that embstore writes.
BEGIN = "<!-- embstore writes what follows anew at each export; write before or after it -->"
END = "<!-- the end of what embstore writes anew -->"

_FENCE = "---\n"
_CONFIGS = "configs:"
# Of the metadata: what follows from the files of the export.
_OURS = ("@context", "conformsTo", "version")
_LISTS = ("distribution", "recordSet")


def renewed_card(old: str | None, new: str) -> str:
    """Return a card with the tables of the new one, and with all else as the old one has it.

    Of the settings on top only ``configs:`` is renewed, of the text what stands between two
    marks; without the marks the text stays as it is.
    """
    settings, text = _split(new)
    if old is None:
        return new
    old_settings, old_text = _split(old)
    if BEGIN in old_text and END in old_text:
        before, _, rest = old_text.partition(BEGIN)
        after = rest.rpartition(END)[2]
        own = text.partition(BEGIN)[2].rpartition(END)[0]
        text = f"{before}{BEGIN}{own}{END}{after}"
    else:
        text = old_text
    if old_settings:
        first, last = _around_configs(old_settings)
        settings = first + _configs(settings) + last
    return f"{_FENCE}{settings}{_FENCE}{text}"


def _split(card: str) -> tuple[str, str]:
    """Return the settings between the first two fences, and the text behind them."""
    start, fence, text = card.partition(f"\n{_FENCE}")
    if not card.startswith(_FENCE) or not fence:
        return "", card
    return f"{start}\n".removeprefix(_FENCE), text


def _around_configs(settings: str) -> tuple[str, str]:
    first: list[str] = []
    last: list[str] = []
    within = found = False
    for line in settings.splitlines(keepends=True):
        within = line.startswith(_CONFIGS) or (within and line[0] in " -\n#")
        found = found or within
        if not within:
            (last if found else first).append(line)
    return "".join(first), "".join(last)


def _configs(settings: str) -> str:
    first, last = _around_configs(settings)
    return settings.removeprefix(first).removesuffix(last) if len(first) < len(settings) else ""


def renewed_metadata(old: str | None, new: str) -> str:
    """Return Croissant metadata with the tables of the new one, and what else the old one says."""
    written: dict[str, Any] = json.loads(new)
    try:
        said = json.loads(old) if old is not None else {}
    except ValueError:
        said = {}
    if not isinstance(said, Mapping):
        said = {}
    whole = {**written, **said, **{key: written[key] for key in _OURS}}
    for key in _LISTS:
        own = {item["@id"] for item in written[key]}
        others = said.get(key) if isinstance(said.get(key), list) else []
        whole[key] = [
            *written[key],
            *(item for item in others or [] if not _is_ours(item, own)),
        ]
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _is_ours(item: object, own: set[str]) -> bool:
    return isinstance(item, Mapping) and item.get("@id") in own
