"""MediaWiki export XML (Wikipedia dumps, enwik8) to the plain text of its articles."""

import logging
import re

# Expat itself rather than ElementTree's iterparse on top of it: no tree has to be
# built and cleared, and a document type can be refused before it defines entities.
import xml.parsers.expat as expat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from embstore.errors import CorpusError
from embstore.inputs.wikipedia.markup import MarkupError, plain_text

_LOG = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 16
# enwik8 and enwik9: so many bytes of a dump, wherever that is.
_CUT_BY_DESIGN = (10**8, 10**9)
_MIN_CHARS = 100

_MEDIA, _FILE, _CATEGORY = "-2", "6", "14"

# What expat reports when the bytes stop before the document does; every other
# code is damage in the middle.
_STOPPED_EARLY = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)

# A redirect's first word is translated ("#WEITERLEITUNG"), its form is not.
_REDIRECT = re.compile(r"\s*#\s*\w+\s*:?\s*\[\[")


def read_articles(stream: IO[bytes]) -> Iterator[str]:
    """Yield the plain text of each article of a MediaWiki export, in its order.

    Any version of the export schema is read, also those of 2006 (enwik8) that mark
    neither namespaces nor redirects. Only a page's last revision counts. Redirects,
    pages outside the article namespace, pages whose markup the parser gives up on and
    articles of fewer than 100 characters are left out. Memory holds a few pages at a
    time, however long the dump.

    A dump that ends early after at least one whole page yields every whole page and
    ends with a warning: the page it breaks off in is not used. Of enwik8 and enwik9,
    which are cut by design, nothing is said. A compressed file cut short is another
    matter, and its decompressor's error passes.

    Args:
        stream: uncompressed XML, read once from where it stands.

    Raises:
        CorpusError: the stream is not MediaWiki XML, is damaged before its end, ends
            within its first page, or declares a document type (which could define
            entities that expand without bound).
    """
    dump = _Dump()
    for page in dump.pages(stream):
        if page.is_redirect or not page.is_article or _REDIRECT.match(page.text):
            continue
        try:
            text = plain_text(page.text, hidden_links=dump.hidden_links)
        except MarkupError:
            continue
        if len(text) >= _MIN_CHARS:
            yield text


@dataclass
class _Page:
    """What of a page matters, filled in as it is read."""

    title: str = ""
    text: str = ""
    is_redirect: bool = False
    is_article: bool = True


class _Dump:
    """Expat's callbacks, and the pages that they have completed."""

    def __init__(self) -> None:
        self.hidden_links = {"file", "image", "media", "category"}
        self._namespaces: set[str] = set()
        self._path: list[str] = []
        self._characters: list[str] = []
        self._key = ""
        self._page = _Page()
        self._completed: list[_Page] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.buffer_size = _CHUNK_BYTES
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters.append

    def pages(self, stream: IO[bytes]) -> Iterator[_Page]:
        """Yield every whole page of ``stream``."""
        n_pages = n_bytes = 0
        final = False
        while not final:
            chunk = stream.read(_CHUNK_BYTES)
            final = not chunk
            n_bytes += len(chunk)
            damage: expat.ExpatError | None = None
            try:
                self._parser.Parse(chunk, final)
            except expat.ExpatError as error:
                damage = error
            n_pages += len(self._completed)
            yield from self._completed
            self._completed.clear()
            if damage is not None:
                if n_pages and damage.code in _STOPPED_EARLY:
                    if n_bytes not in _CUT_BY_DESIGN:
                        _LOG.warning(
                            "the dump ends early, after %d whole pages, which are read; if it "
                            "should have more, fetch the file again",
                            n_pages,
                        )
                    return
                raise _damaged(damage, n_pages) from damage

    def _doctype(self, *_: object) -> None:
        raise CorpusError(
            "not a MediaWiki export: it declares a document type (<!DOCTYPE …>), which no"
            " export does; remove the declaration"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        # Expat hands over "namespace name"; the namespace is the schema's version.
        tag = name.rpartition(" ")[2]
        if not self._path and tag != "mediawiki":
            raise CorpusError(
                f"not a MediaWiki export: its outermost element is <{tag}>, not <mediawiki>;"
                " give a pages-articles dump or an export from Special:Export"
            )
        self._path.append(tag)
        self._characters.clear()
        if tag == "page":
            self._page = _Page()
        elif tag == "redirect":
            self._page.is_redirect = True
        elif tag == "namespace":
            self._key = attributes.get("key", "")

    def _end(self, _name: str) -> None:
        tag = self._path.pop()
        parent = self._path[-1] if self._path else ""
        characters = "".join(self._characters)
        self._characters.clear()
        if tag == "namespace":
            self._declare_namespace(characters)
        elif (parent, tag) == ("page", "title"):
            self._page.title = characters
            # Exports before 2010 have no <ns>: there the title's prefix says it.
            prefix, colon, _ = characters.partition(":")
            self._page.is_article = not (colon and prefix in self._namespaces)
        elif (parent, tag) == ("page", "ns"):
            self._page.is_article = characters.strip() == "0"
        elif (parent, tag) == ("revision", "text"):
            self._page.text = characters
        elif tag == "page":
            self._completed.append(self._page)

    def _declare_namespace(self, name: str) -> None:
        if self._key != "0" and name:
            self._namespaces.add(name)
            if self._key in (_MEDIA, _FILE, _CATEGORY):
                self.hidden_links.add(name.lower())


def _damaged(error: expat.ExpatError, n_pages: int) -> CorpusError:
    if n_pages:
        return CorpusError(
            f"damaged XML at line {error.lineno} after {n_pages:,} pages"
            f" ({expat.ErrorString(error.code)}); fetch the file again"
        )
    return CorpusError(
        f"not a MediaWiki export: no whole page found ({expat.ErrorString(error.code)} at line"
        f" {error.lineno}); give a pages-articles dump or an export from Special:Export"
    )
