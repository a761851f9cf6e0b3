"""What a page of the documentation holds that can be checked: blocks, commands, links.

Three comments tell the tests what a reader need not know:

- ``<!-- not run: reason -->`` before a block, or before a table or paragraph with commands:
  they are parsed and not run.
- ``<!-- file: NAME -->`` before a block: its text is put into that file. A first line such as
  ``# my-study.toml`` does the same.
- ``<!-- begins with a store -->`` anywhere: the page is about a store that is there already.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\w*)\s*$")
_MARK = re.compile(r"^<!-- (?P<word>not run|file): (?P<what>.+) -->$")
_NAMED = re.compile(r"^(?:#|--) (?P<file>[\w./-]+\.(?:toml|sql|txt))\n")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*embstore(?: |$)")
_BROKEN = re.compile(r"^[^`]*(?:`[^`]*`[^`]*)*`embstore [^`]*$")
_LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block, or with language ``inline`` a command within a text.

    Attributes:
        line: of the page, from 1.
        language: what the fence says.
        text: without the fence.
        why_not: why it is not run; empty if it is.
        file: where its text belongs, if to a file.
    """

    line: int
    language: str
    text: str
    why_not: str = ""
    file: str | None = None


def blocks_of(text: str) -> list[Block]:
    """Return the blocks and the commands of a page, in their order."""
    found: list[Block] = []
    lines = text.splitlines()
    marks: dict[str, str] = {}
    i = 0
    while i < len(lines):
        line = lines[i]
        if mark := _MARK.match(line):
            marks[mark["word"]] = mark["what"]
        elif fence := _FENCE.match(line):
            end = lines.index(fence["fence"], i + 1)
            content = "".join(f"{inner}\n" for inner in lines[i + 1 : end])
            named = _NAMED.match(content)
            file = marks.get("file") or (named["file"] if named else None)
            found.append(Block(i + 1, fence["language"], content, marks.get("not run", ""), file))
            marks, i = {}, end
        elif line.strip():
            assert not _BROKEN.search(line), f"line {i + 1}: a command over two lines is not seen"
            found += [
                Block(i + 1, "inline", code, marks.get("not run", ""))
                for code in _CODE.findall(line)
                if _COMMAND.match(code)
            ]
            # A mark reaches to the end of its table or paragraph.
            if i + 1 == len(lines) or not lines[i + 1].strip():
                marks = {}
        i += 1
    return found


def links_of(text: str) -> list[str]:
    """Return where the links and pictures of a page point to."""
    return _LINK.findall(_CODE.sub("", _without_fences(text)))


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", _without_fences(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        twins = sum(1 for other in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other))
        found.add(f"{anchor}-{twins}" if twins else anchor)
    return found


def _without_fences(text: str) -> str:
    return re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def pages(root: Path) -> list[Path]:
    """Return the pages of the documentation that a reader meets."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
