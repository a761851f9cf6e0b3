"""Wiki markup to prose: what a reader of the page would see of it."""

import html
import re

import mwparserfromhell
from mwparserfromhell.nodes import (
    Argument,
    ExternalLink,
    Heading,
    HTMLEntity,
    Node,
    Tag,
    Text,
    Wikilink,
)
from mwparserfromhell.parser import ParserError as MarkupError
from mwparserfromhell.wikicode import Wikicode

__all__ = ["MarkupError", "plain_text"]

# Tags whose content is not prose, or is shown elsewhere than where it stands.
# fmt: off
_DROPPED_TAGS = frozenset({
    "ref", "references", "table", "gallery", "math", "chem", "ce", "score", "timeline",
    "imagemap", "hiero", "graph", "source", "syntaxhighlight", "categorytree", "inputbox",
    "templatedata", "section",
})
# fmt: on
_BREAKS = {"br": "\n", "hr": "\n\n", "p": "\n\n", "div": "\n\n", "blockquote": "\n\n", "li": "\n"}
# Two or three lower-case letters name a language edition, except these.
_LANGUAGE = re.compile(r"(?!doi|rfc|hdl)(?:[a-z]{2,3}|simple)(?:-[a-z]+)*\Z")


def plain_text(markup: str, *, hidden_links: set[str]) -> str:
    """Return the prose of a page's wiki markup.

    Footnotes, tables, templates, comments, formulas, code, files with their captions,
    categories and links to other language editions go; a link leaves its label. Each
    paragraph and heading stands between blank lines; a heading with nothing under it
    goes too.

    Args:
        markup: the page's source.
        hidden_links: namespaces, in lower case, whose links show no text in place.

    Raises:
        MarkupError: the parser gives up on the markup.

    >>> plain_text("A '''dog'''<ref>x</ref> ({{IPA|d}}) [[bark|barks]].", hidden_links=set())
    'A dog barks.'
    """
    return _tidy(_render(mwparserfromhell.parse(markup, skip_style_tags=True), hidden_links))


# Marks headings between rendering and tidying. XML 1.0 forbids the character, and
# html.unescape never makes it, so that no page can contain it.
_HEADING = "\x02"


def _render(code: Wikicode | None, hidden: set[str]) -> str:
    return "".join(_render_node(node, hidden) for node in code.nodes) if code else ""


def _render_node(node: Node, hidden: set[str]) -> str:
    match node:
        case Text():
            return re.sub(r"'{2,}", "", node.value)
        case Wikilink():
            return _render_link(node, hidden)
        case Tag():
            return _render_tag(node, hidden)
        case ExternalLink():
            # Without brackets the address is what the reader sees.
            return _render(node.title if node.brackets else node.url, hidden)
        case Heading():
            title = " ".join(_render(node.title, hidden).split())
            return f"\n\n{_HEADING}{node.level}{title}\n\n"
        case HTMLEntity():
            return html.unescape(str(node))
        case Argument():
            return _render(node.default, hidden)
        case _:
            return ""


def _render_link(link: Wikilink, hidden: set[str]) -> str:
    title = str(link.title).strip()
    if title.startswith(":"):
        return _render(link.text, hidden) if link.text else title[1:]
    prefix, colon, _ = title.partition(":")
    prefix = prefix.strip()
    if colon and (prefix.lower() in hidden or _LANGUAGE.match(prefix)):
        return ""
    return _render(link.text if link.text is not None else link.title, hidden)


def _render_tag(tag: Tag, hidden: set[str]) -> str:
    if tag.wiki_markup in ("*", "#", ":", ";"):
        return str(tag.wiki_markup)
    name = str(tag.tag).strip().lower()
    if name in _DROPPED_TAGS:
        return ""
    edge = _BREAKS.get(name, "")
    contents = _render(tag.contents, hidden)
    return edge + contents + edge if contents else edge


_STRAY_MARKUP = re.compile(
    # Tags, brackets and switches (__TOC__) of markup too broken to parse.
    r"</?(?:ref|references|br|p|div|span|small|big|center|font|table|t[rdht]|su[bp]|nowiki|code"
    r"|gallery|math|blockquote|[uo]l|li|[bius])\b[^<>\n]*>|\[\[|\]\]|\{\{|\}\}|__[A-Z]+__"
)
# Rows of an unclosed table and the start of an unclosed file link.
_STRAY_LINE = re.compile(r"\{\||\||!.*(?:!!|\|)|\[\[[^\W\d]+:")
_LIST_MARKS = re.compile(r"[*#:;]+ *")
# What removed templates (pronunciations, foreign words) leave between brackets, commas.
_HOLES = (
    (re.compile(r"\((?: *[,;:])* *"), "("),
    (re.compile(r"(?: *[,;:])* *\)"), ")"),
    (re.compile(r" ?\(\)"), ""),
    (re.compile(r" +(?=[,;.:](?:[\s)]|\Z))"), ""),
    (re.compile(r"([,;])(?: ?[,;])+"), r"\1"),
    (re.compile(r"\A[,;.:] "), ""),
)


def _tidy(text: str) -> str:
    """Drop what markup leaves behind; one blank line around paragraphs and headings."""
    lines: list[str] = []
    headings: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if line.startswith(_HEADING):
            level, title = line[1], _tidy_line(line[2:])
            # A heading is followed by text, or by headings under it, or by nothing.
            headings = [above for above in headings if above[0] < level]
            if title:
                headings.append((level, title))
            continue
        tidied = _tidy_line(line)
        if tidied:
            for _, title in headings:
                lines += ["", title, ""]
            headings.clear()
        if tidied or not line.strip():
            lines.append(tidied)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _tidy_line(line: str) -> str:
    line = " ".join(line.split())
    if _STRAY_LINE.match(line):
        return ""
    line = _STRAY_MARKUP.sub("", _LIST_MARKS.sub("", line, count=1) if line[:1] in "*#:;" else line)
    for hole, filling in _HOLES:
        line = hole.sub(filling, line)
    line = " ".join(line.split())
    return line if any(map(str.isalnum, line)) else ""
