import bz2
import io
import re
import tracemalloc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.wikipedia import mediawiki
from embstore.inputs.wikipedia.markup import plain_text
from embstore.inputs.wikipedia.mediawiki import read_articles

SENTENCE = "Anarchism is a political philosophy that advocates self-governed societies. "
LINKS = {"file", "image", "media", "category"}

MODERN = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">'
    '<siteinfo><namespaces><namespace key="0" /><namespace key="1">Diskussion</namespace>'
    '<namespace key="6">Datei</namespace><namespace key="14">Kategorie</namespace>'
    "</namespaces></siteinfo>"
)
# The schema of enwik8: no <ns>, no <redirect/>.
OLD = MODERN.replace("0.11", "0.3")


def page(text: str, *, title: str = "Title", ns: str | None = "0", redirect: bool = False) -> str:
    return (
        f"<page><title>{title}</title>"
        + (f"<ns>{ns}</ns>" if ns is not None else "")
        + ('<redirect title="Other" />' if redirect else "")
        + f"<revision><comment>no text</comment><text>{text}</text></revision></page>"
    )


def articles(xml: str) -> list[str]:
    return list(read_articles(io.BytesIO(xml.encode())))


@pytest.fixture(scope="module")
def excerpt() -> list[str]:
    found = find_spec("gensim")
    assert found is not None, "install gensim with --no-deps: it carries the text"
    assert found.origin is not None
    folder = Path(found.origin).parent / "test" / "test_data"
    (path,) = folder.glob("enwiki-latest-pages-articles1.xml-*.bz2")
    with bz2.open(path) as stream:
        return list(read_articles(stream))


@pytest.mark.models
def test_excerpt_gives_its_106_articles(excerpt: list[str]) -> None:
    assert len(excerpt) == 106
    # Measured: 2.90 million. Captions or footnotes kept would add .3, lists lost take .3.
    assert 2_800_000 < sum(map(len, excerpt)) < 3_000_000
    assert excerpt[0].startswith("Anarchism is a political philosophy that advocates self-governed")
    assert "\n\nEtymology and terminology\n\nThe term anarchism is a compound word" in excerpt[0]


@pytest.mark.models
@pytest.mark.parametrize(
    "leftover",
    [
        r"\{\{", r"\}\}", r"\[\[", r"\]\]", r"\{\|", r"^\|", r"thumb\|", r"</?(ref|br|div)\b",
        r"__[A-Z]+__", r"\( *\)", r"\( *[,;]", r"[,;] *\)", r"&(nbsp|ndash|quot|amp);",
        r"^[*#:;]", r"^(File|Image|Category):", r"^[a-z]{2,3}:\w", r"''", "\n\n\n",
        r"^ ", r" $", r"  ", r"\t", "[\x00-\x09\x0b-\x1f]", r"^References$\n\nExternal",
    ],
)  # fmt: skip
def test_excerpt_is_free_of(leftover: str, excerpt: list[str]) -> None:
    found = [match[0] for text in excerpt for match in re.finditer(leftover, text, re.M)]
    assert found == []


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("A <ref name=a>{{cite|x}}</ref>b<ref name=a /> c.", "A b c."),
        ("Before\n{| class=x\n|-\n| cell\n|}\nAfter", "Before\n\nAfter"),
        ("[[File:A.jpg|thumb|left|A [[cat]] and {{x}} [http://a b]]]Text", "Text"),
        ("[[Image:A.jpg|thumb|A [[File:B.svg|20px]] b]]Text", "Text"),
        ("Text\n[[Category:Cats]]\n[[fr:Anarchisme]]\n[[zh-min-nan:X]]\n[[simple:Y]]", "Text"),
        ("See [[:Category:Cats]], [[:fr:Chat|chat]], [[doi:10.1/x]].",
         "See Category:Cats, chat, doi:10.1/x."),
        ("A [[cat]], [[cat|cats]], [http://a.b label], [http://a.b] http://a.b/c",
         "A cat, cats, label, http://a.b/c"),
        ("'''Bold''', ''italic'', '''''both''''', don't", "Bold, italic, both, don't"),
        ("A ({{IPA|x}}; {{lang|y}}) b ( , c; ) d {{z}}, e {{z}} , f .", "A b (c) d, e, f."),
        ("The .NET and .38, e.g. x ( .5).", "The .NET and .38, e.g. x (.5)."),
        ("* One\n*\n* {{x}}\n** Two\n# Three\n; term : meaning",
         "One\nTwo\nThree\nterm: meaning"),
        ("a<math>x^2</math>b<gallery>\nA.jpg|x\n</gallery><!-- c -->d", "abd"),
        ("One<br />two<p>three</p>", "One\ntwo\n\nthree"),
        ("2&nbsp;km &ndash; x&sup2; &#xD800;&#2;y", "2 km – x² \ufffdy"),  # noqa: RUF001
        ("== Kept ==\nText\n== Empty ==\n{{x}}\n== Last ==\n", "Kept\n\nText"),
        ("== Above ==\n=== Below ===\nText\n=== Empty ===\n== Next ==\nMore",
         "Above\n\nBelow\n\nText\n\nNext\n\nMore"),
        ("One\n\n\n\n\nTwo\n__NOTOC__", "One\n\nTwo"),
        ("Broken <ref>note\n[[Image:A.jpg|thumb|never closed\n{| open\n| cell\n{{open\nEnd",
         "Broken note\nopen\nEnd"),
        ("{{{1|default}}} <nowiki>[[kept]]</nowiki>", "default kept"),
        ("", ""),
    ],
)  # fmt: skip
def test_plain_text(markup: str, text: str) -> None:
    assert plain_text(markup, hidden_links=LINKS) == text


def test_redirects_and_other_namespaces_are_dropped() -> None:
    xml = MODERN + page(SENTENCE * 3 + "kept")
    xml += page(SENTENCE * 3, redirect=True) + page(SENTENCE * 3, ns="1", title="Diskussion:Title")
    xml += page("Too short.") + page("#WEITERLEITUNG [[Other]]" + SENTENCE * 3)
    # A colon in the title of an article is no namespace.
    xml += page(SENTENCE * 3 + "also kept", title="2001: A Space Odyssey") + "</mediawiki>"
    assert articles(xml) == [SENTENCE * 3 + "kept", SENTENCE * 3 + "also kept"]


def test_old_schema_tells_namespace_and_redirect_by_title_and_text() -> None:
    xml = OLD + page(SENTENCE * 3, ns=None, title="Diskussion:Title")
    xml += page("#REDIRECT [[Other]] " + SENTENCE * 3, ns=None)
    xml += page(SENTENCE * 2 + "kept", ns=None, title="Alien: Resurrection") + "</mediawiki>"
    assert articles(xml) == [SENTENCE * 2 + "kept"]


def test_namespaces_of_files_and_categories_are_translated() -> None:
    text = f"[[Datei:A.jpg|mini|Eine [[Katze]]]]{SENTENCE * 2}[[Kategorie:Katzen]]"
    assert articles(MODERN + page(text) + "</mediawiki>") == [(SENTENCE * 2).strip()]


def test_last_revision_counts_and_only_its_main_text() -> None:
    revisions = page(SENTENCE * 2 + "old").replace(
        "</page>",
        f"<revision><text>{SENTENCE * 2}new</text>"
        "<content><text>other slot</text></content></revision></page>",
    )
    assert articles(MODERN + revisions + "</mediawiki>") == [SENTENCE * 2 + "new"]


@pytest.mark.parametrize("lost", [1, 15, 60, 200])
def test_truncated_dump_keeps_its_whole_pages(lost: int) -> None:
    xml = MODERN + page(SENTENCE * 3 + "first") + page("Größe, " + SENTENCE * 4)
    assert articles(xml[:-lost]) == [SENTENCE * 3 + "first"]


@pytest.mark.parametrize(("cut_at", "n_told"), [(0, 1), (-12, 1), (None, 0)])
def test_a_dump_that_ends_early_is_told(
    cut_at: int | None, n_told: int, caplog: pytest.LogCaptureFixture
) -> None:
    xml = MODERN + page(SENTENCE * 3) + page(SENTENCE * 4) + "</mediawiki>"
    # Between two pages, behind the last, or whole.
    cut = xml[: xml.index("</page>") + 7] if cut_at == 0 else xml[:cut_at]
    articles(cut)
    assert [r.message.partition(",")[0] for r in caplog.records] == n_told * ["the dump ends early"]


def test_a_dump_that_is_cut_by_design_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    xml = MODERN + page(SENTENCE * 3) + "<page>"
    monkeypatch.setattr(mediawiki, "_CUT_BY_DESIGN", (len(xml),))
    assert len(articles(xml)) == 1
    assert not caplog.records


def test_truncation_within_a_character_keeps_whole_pages() -> None:
    raw = (MODERN + page(SENTENCE * 3) + "<page><title>ü").encode()
    assert list(read_articles(io.BytesIO(raw[:-1]))) == [(SENTENCE * 3).strip()]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("", r"^not a MediaWiki export: no whole page found \(no element found at line 1\)"),
        ("plain text", r"^not a MediaWiki export: no whole page found \(syntax error at line 1\)"),
        ("<html><body/></html>", r"outermost element is <html>, not <mediawiki>; give"),
        (MODERN + page(SENTENCE)[:-9], r"no whole page found \(unclosed token at line 1\)"),
        (
            MODERN + page(SENTENCE) + "\n</pages>",
            r"^damaged XML at line 2 after 1 pages \(mismatch",
        ),
    ],
)
def test_what_is_not_a_dump_is_refused(xml: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        articles(xml)


def test_pages_before_the_damage_are_given_first() -> None:
    stream = read_articles(io.BytesIO((MODERN + page(SENTENCE * 2) + "</x>").encode()))
    assert next(stream) == (SENTENCE * 2).strip()
    with pytest.raises(CorpusError, match="damaged XML"):
        next(stream)


def test_entity_expansion_is_refused_before_it_is_defined() -> None:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "lol">{entities}]>'
    with pytest.raises(CorpusError, match="declares a document type"):
        articles(bomb + MODERN + page("&a9;") + "</mediawiki>")


class _Endless(io.RawIOBase):
    """A dump of ``n_pages`` that exists only as it is read."""

    def __init__(self, n_pages: int) -> None:
        self._pieces = self._make(n_pages)
        self._left = b""

    @staticmethod
    def _make(n_pages: int) -> Iterator[bytes]:
        yield MODERN.encode()
        for number in range(n_pages):
            yield page(f"Page {number}. " + SENTENCE * 100).encode()
        yield b"</mediawiki>"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._left = self._left or next(self._pieces, b"")
        n_bytes = min(len(buffer), len(self._left))
        buffer[:n_bytes] = self._left[:n_bytes]
        self._left = self._left[n_bytes:]
        return n_bytes


def peak_bytes(n_pages: int) -> int:
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_articles(io.BufferedReader(_Endless(n_pages)))) == n_pages
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dump() -> None:
    small, large = peak_bytes(40), peak_bytes(400)  # 0.3 and 3 MB
    # 64 KB of allocator noise; keeping one byte in forty would show.
    assert large - small < 65_536
