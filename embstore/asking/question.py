"""Reads a question: an SQL file whose comment header says what it asks.

::

    -- title: Anisotropy by relative depth
    -- doc: One line per model and scope.
    --   A line that opens no new entry continues the one above it.
    -- param metric VARCHAR = 'anisotropy' in metric.name: which metric
    -- param by VARCHAR = 'depth' in ('depth', 'layer'): the horizontal axis
    -- param models VARCHAR[] = NULL in model.name: only these; NULL means all
    -- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N
    -- table: series scope layer value
    -- needs: model with a profile
    SELECT …

``in table.column`` allows only values that the store has in that column, or in one of several
(``in model.name, failure.model``); ``in ('a', 'b')`` only those of a list; ``in 1..``,
``in 0..0.5`` or ``in 0<..`` only a range of numbers, where ``<`` excludes the first. A
parameter without a default is required. ``$name`` in the chart line stands for the column
that the parameter of that name chooses. A channel may end in a scale: ``x=step:Q:symlog``.
``table:`` names the columns that people read first; without it they are those of the chart line.
``needs:`` says what an empty answer lacks: the store "has no …".
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from embstore.asking.parameters import TYPES, Parameter, Range, read_literal, read_literals
from embstore.common.messages import among
from embstore.errors import QueryError, UsageError
from embstore.inputs.utf8 import not_utf8

MARKS = ("line", "curve", "point", "dumbbell", "bar", "rect")
CHANNELS = (
    *("x", "y", "x2", "color", "dash", "shape", "fill", "facet", "row", "apart", "detail"),
    *("rule", "span", "label"),
)
SCALES = ("linear", "log", "symlog")
# Channels that add to a picture what no row is known by.
ADDED = ("rule", "span", "label", "apart")
# A column whose categories are different quantities: each has a scale of its own.
QUANTITY = "quantity"
CHANNEL_TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal", "T": "temporal"}

_NUMBERS = ("INTEGER", "BIGINT", "DOUBLE")
_KEYS = ("title", "doc", "param", "chart", "table", "needs")
_KEY = re.compile(r"(title|doc|chart|table|needs)\s*:\s*(.*)|(param)\s+(.*)")
_PARAM = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s+(?P<type>[A-Za-z]+(?:\[\])?)"
    r"(?:\s*=\s*(?P<default>'(?:[^']|'')*'|\[[^\]]*\]|[^\s:'\[]+))?"
    r"(?:\s+in\s+(?:(?P<columns>[a-z_]+\.[a-z_]+(?:\s*,\s*[a-z_]+\.[a-z_]+)*)|\((?P<choices>[^)]*)\)"
    r"|(?P<least>-?\d+(?:\.\d+)?)(?P<above><)?\.\.(?P<most>-?\d+(?:\.\d+)?)?))?"
    r"\s*:\s*(?P<doc>.*)"
)
_CHANNEL = re.compile(
    rf"(?P<column>.+?):(?P<type>[{''.join(CHANNEL_TYPES)}])(?::(?P<scale>{'|'.join(SCALES)}|\$\w+))?"
)


@dataclass(frozen=True)
class Channel:
    """What one visual channel shows: a column (or ``$parameter``) and how to read it.

    ``scale`` is that of the axis: one of SCALES, a ``$parameter``, or empty for the default.
    """

    column: str
    type: str
    scale: str = ""


@dataclass(frozen=True)
class Encoding:
    """The chart line of a question: a mark and the columns its channels show."""

    mark: str
    channels: Mapping[str, Channel]

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that choose a column or a scale."""
        written = [text for c in self.channels.values() for text in (c.column, c.scale)]
        return frozenset(text[1:] for text in written if text.startswith("$"))

    def columns(self, values: Mapping[str, object]) -> dict[str, str]:
        """Return the column of each channel, of a ``$parameter`` the one that its value names."""
        return {
            key: str(values[c.column[1:]]) if c.column.startswith("$") else c.column
            for key, c in self.channels.items()
            if not c.column.startswith("$") or c.column[1:] in values
        }


@dataclass(frozen=True)
class Question:
    """One SQL file: what it asks, its parameters, and how its answer is drawn.

    ``built_in`` questions are embstore's own; any other runs under the guards of
    ad-hoc SQL. ``sql`` is the whole file, so that an error's line is the file's.
    ``columns`` are those that people read first, in order; ``needs`` is what the store has none
    of if there are no rows.
    """

    name: str
    path: Path
    title: str
    doc: str
    sql: str
    parameters: tuple[Parameter, ...] = ()
    encoding: Encoding | None = None
    built_in: bool = False
    columns: tuple[str, ...] = ()
    needs: str = ""


@dataclass
class _Entry:
    key: str
    line: int
    text: str


@dataclass
class _Header:
    title: str = ""
    doc: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    encoding: Encoding | None = None
    columns: tuple[str, ...] = ()
    needs: str = ""


def read_question(path: Path, *, built_in: bool = False) -> Question:
    """Read one question from its file.

    Raises:
        QueryError: the file cannot be read, or its header is not valid; the
            message names the file and the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise QueryError(f"{path}: cannot read this question: {not_utf8(error)}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise QueryError(f"{path}: cannot read this question: {reason}") from error
    return parse_question(text, path, built_in=built_in)


def parse_question(text: str, path: Path, *, built_in: bool = False) -> Question:
    """Parse a question's text; ``path`` gives the name, and messages quote it."""
    header = _Header()
    seen: dict[str, int] = {}
    for entry in _entries(text, path):
        if entry.key != "param" and entry.key in seen:
            raise QueryError(
                f"{path}:{entry.line}: a second '{entry.key}:' line; "
                f"the first is line {seen[entry.key]}"
            )
        seen[entry.key] = entry.line
        try:
            _take(header, entry)
        except (QueryError, UsageError) as error:
            raise QueryError(f"{path}:{entry.line}: {error}") from None
    if not header.title:
        raise QueryError(f"{path}:1: no title; begin the file with '-- title: …'")
    if not any(line.strip() and not line.lstrip().startswith("--") for line in text.splitlines()):
        raise QueryError(f"{path}: no SQL after the header")
    return Question(
        name=path.stem,
        path=path,
        title=header.title,
        doc=header.doc,
        sql=text,
        parameters=tuple(header.parameters.values()),
        encoding=header.encoding,
        built_in=built_in,
        columns=header.columns,
        needs=header.needs,
    )


def _entries(text: str, path: Path) -> Iterator[_Entry]:
    """Yield the header's entries, their continuation lines joined to them."""
    current: _Entry | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        content = stripped.removeprefix("--").strip()
        if not content:
            continue
        match = _KEY.fullmatch(content)
        if match is not None:
            if current is not None:
                yield current
            key, value = (match[1], match[2]) if match[1] else (match[3], match[4])
            current = _Entry(key, number, value.strip())
            continue
        _refuse_misspelt_key(content, f"{path}:{number}")
        if current is None:
            raise QueryError(
                f"{path}:{number}: found {content!r}; "
                "expected 'title:', 'doc:', 'param', 'chart:', 'table:' or 'needs:'"
            )
        current.text = f"{current.text} {content}".strip()
    if current is not None:
        yield current


def _refuse_misspelt_key(content: str, place: str) -> None:
    """Refuse ``titel:`` or ``parm x``, which would be read as a continuation line."""
    match = re.match(r"(\w+)(\s*:|\s+\w+\s+[A-Z]+\b)", content)
    if match is None:
        return
    word = match[1]
    close = difflib.get_close_matches(word.lower(), _KEYS, n=1, cutoff=0.7)
    if close:
        form = "param NAME TYPE: …" if close[0] == "param" else f"{close[0]}: …"
        raise QueryError(f"{place}: found {word!r}; did you mean '-- {form}'?")


def _take(header: _Header, entry: _Entry) -> None:
    if entry.key == "title":
        header.title = entry.text
    elif entry.key == "doc":
        header.doc = entry.text
    elif entry.key == "chart":
        header.encoding = _parse_encoding(entry.text)
    elif entry.key == "table":
        header.columns = tuple(entry.text.split())
    elif entry.key == "needs":
        header.needs = entry.text
    else:
        parameter = _parse_parameter(entry.text)
        if parameter.name in header.parameters:
            raise QueryError(f"parameter {parameter.name} is declared twice")
        header.parameters[parameter.name] = parameter


def _parse_parameter(text: str) -> Parameter:
    match = _PARAM.fullmatch(text)
    if match is None:
        raise QueryError(
            f"found 'param {text}'; expected 'param NAME TYPE [= default] [in table.column]: text'"
        )
    type_ = match["type"].upper()
    if type_.removesuffix("[]") not in TYPES:
        raise QueryError(
            f"parameter {match['name']} has type {match['type']}; "
            f"expected {', '.join(TYPES)} or a list such as VARCHAR[]"
        )
    bare = Parameter(match["name"], type_, match["doc"])
    if match["choices"] is not None:
        bare = replace(bare, choices=read_literals(match["choices"], bare))
    if match["columns"]:
        pairs = (written.strip().partition(".") for written in match["columns"].split(","))
        bare = replace(bare, columns=tuple((table, column) for table, _, column in pairs))
    if match["least"] is not None:
        bare = replace(bare, range=_parse_range(match, type_))
    if match["default"] is None:
        return bare
    return replace(bare, required=False, default=read_literal(match["default"], bare))


def _parse_range(match: re.Match[str], type_: str) -> Range:
    if type_.removesuffix("[]") not in _NUMBERS:
        raise QueryError(
            f"parameter {match['name']} has type {type_}, which takes no range; "
            f"expected {', '.join(_NUMBERS)}"
        )
    least = float(match["least"])
    most = None if match["most"] is None else float(match["most"])
    if most is not None and most < least:
        raise QueryError(f"parameter {match['name']}: the range {least:g}..{most:g} is empty")
    return Range(least, most, above=match["above"] is not None)


def _parse_encoding(text: str) -> Encoding:
    mark = ""
    channels: dict[str, Channel] = {}
    for token in text.split():
        key, equals, value = token.partition("=")
        if not equals or not value:
            raise QueryError(f"chart: found {token!r}; expected channel=column:type")
        if key == "mark":
            if value not in MARKS:
                raise QueryError(f"chart: mark {value!r}; expected one of {', '.join(MARKS)}")
            mark = value
            continue
        if key not in CHANNELS:
            raise QueryError(f"chart: channel {key!r}{among(key, ('mark', *CHANNELS))}")
        found = _CHANNEL.fullmatch(value)
        if found is None:
            raise QueryError(
                f"chart: found {token!r}; expected {key}=column:type with type Q, N, O or T, "
                f"and then perhaps a scale: {', '.join(f':{scale}' for scale in SCALES)}"
            )
        channels[key] = Channel(found["column"], found["type"], found["scale"] or "")
    missing = [
        name for name, found in (("mark", mark), *((c, channels.get(c)) for c in "xy")) if not found
    ]
    if missing:
        raise QueryError(f"chart: {', '.join(missing)} missing; expected mark=… x=… y=…")
    return Encoding(mark, channels)
