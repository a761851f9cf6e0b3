"""Finds questions, fills in their parameters and asks the store."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.asking.literal_sql import portable_sql
from embstore.asking.parameters import Parameter, ParameterValue, convert, show_value
from embstore.asking.question import Question, read_question
from embstore.common.messages import closest, listed
from embstore.common.paths import expanded, is_folder, resource_folder
from embstore.errors import QueryError, UsageError
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

_QUERIES_VARIABLE = "EMBSTORE_QUERIES"

# Where the names of groups of seeds are.
_GROUPS = ("model_group", "seed_group")


def find_questions(folders: Iterable[str | Path] = ()) -> dict[str, Question]:
    """Read every question there is, by name.

    Args:
        folders: folders of ``.sql`` files that go before those of the environment
            variable EMBSTORE_QUERIES, and both before the built-in ones: of two
            files with one name, the first wins.

    Raises:
        UsageError: a folder does not exist.
        QueryError: a file's header is not valid.

    >>> find_questions()["layer_profile"].parameters[0].name
    'metric'
    """
    questions, broken = readable_questions(folders)
    if broken:
        raise broken[0]
    return questions


def readable_questions(
    folders: Iterable[str | Path] = (),
) -> tuple[dict[str, Question], list[QueryError]]:
    """Read every question that can be read, by name; return the errors of the others too.

    Raises:
        UsageError: a folder does not exist.
    """
    questions: dict[str, Question] = {}
    broken: list[QueryError] = []
    for name, (path, built_in) in sorted(_question_files(folders).items()):
        try:
            questions[name] = read_question(path, built_in=built_in)
        except QueryError as error:
            broken.append(error)
    return questions, broken


def question_table(folders: Iterable[str | Path] = ()) -> "tuple[pa.Table, list[QueryError]]":
    """Tell of every question that can be read, a row each, and what is wrong with the others.

    Raises:
        UsageError: a folder does not exist.
    """
    import pyarrow as pa

    questions, broken = readable_questions(folders)
    rows = [
        {
            "name": question.name,
            "title": question.title,
            "chart": question.encoding is not None,
            "parameters": " ".join(map(str, question.parameters)),
            "doc": question.doc,
            "file": str(question.path),
        }
        for question in questions.values()
    ]
    return pa.Table.from_pylist(rows), broken


def find_question(name: str, folders: Iterable[str | Path] = ()) -> Question:
    """Read the question of that name; other files may be broken.

    Raises:
        QueryError: there is no such question; the message names the closest.
    """
    files = _question_files(folders)
    if name not in files and name.endswith(".sql"):
        folder = Path(name).parent
        raise QueryError(
            f"{name} is a file, not the name of a question; ask it by its name, "
            f"embstore query {Path(name).stem} --queries {folder}, or run it as plain SQL, "
            f"embstore sql -i {name}"
        )
    if name not in files:
        raise QueryError(
            f"no question {name!r}{closest(name, files)}; list them: embstore ls queries"
        )
    path, built_in = files[name]
    return read_question(path, built_in=built_in)


def shadow_of(question: Question) -> str | None:
    """Say that a user's question hides a built-in one of its name, or None."""
    if question.built_in or not (resource_folder("queries") / f"{question.name}.sql").is_file():
        return None
    return f"{question.path} goes before the built-in question {question.name}"


def run_question(
    database: "Database", question: Question, params: Mapping[str, object] | None = None
) -> "pa.Table":
    """Ask the store one question.

    A question from a user's folder runs under the guards of ad-hoc SQL.

    Raises:
        UsageError: a parameter is missing, unknown or does not fit its type.
        QueryError: the store does not have what a parameter names, the file declares
            other parameters than it uses, or the SQL fails.
    """
    values = bind(question, params)
    with database.held():
        in_sql = values_in_sql(question, values, database.parameters_of(question.sql))
        _check_known(database, question, values)
        if question.built_in:
            # The values are written into the SQL: to bind one, DuckDB's client imports pandas
            # if it is installed, and that takes longer than most questions.
            return database.select_prepared(portable_sql(question, in_sql))
        return database.select_untrusted(question.sql, in_sql)


def bind(
    question: Question, params: Mapping[str, object] | None = None
) -> dict[str, ParameterValue]:
    """Give every declared parameter its value, converted to its type.

    Raises:
        UsageError: a parameter is missing, unknown or does not fit its type.
    """
    given = dict(params or {})
    declared = {parameter.name: parameter for parameter in question.parameters}
    for name in given:
        if name not in declared:
            takes = f"it takes {listed(declared, most=12)}" if declared else "it takes none"
            raise UsageError(
                f"question {question.name} has no parameter {name!r}"
                f"{closest(name, declared)}; {takes}"
            )
    return {name: _value(question, parameter, given) for name, parameter in declared.items()}


def values_in_sql(
    question: Question, values: Mapping[str, ParameterValue], in_sql: frozenset[str]
) -> dict[str, ParameterValue]:
    """Return the values that a question's SQL uses; the chart line may use the others.

    Args:
        question: what to ask.
        values: of every declared parameter, as ``bind`` gives them.
        in_sql: the names of the parameters in its SQL.

    Raises:
        QueryError: a parameter is used and not declared, or declared and not used.
    """
    declared = {parameter.name for parameter in question.parameters}
    in_chart = question.encoding.parameters if question.encoding else frozenset()
    for place, used in (("SQL", in_sql), ("chart line", in_chart)):
        for name in sorted(used - declared):
            raise QueryError(
                f"{question.path}: the {place} uses ${name}, "
                f"which no '-- param {name} TYPE: …' declares"
            )
    for name in sorted(declared - in_sql - in_chart):
        raise QueryError(
            f"{question.path}: parameter {name} is declared, "
            f"but neither the SQL nor the chart line has a ${name}"
        )
    return {name: value for name, value in values.items() if name in in_sql}


def metric_info(database: "Database", name: str) -> MetricInfo | None:
    """Return what a metric means, as the store defines it; None if the store lacks it."""
    # Filtered here: the table is small, and DuckDB's client imports pandas to bind a value.
    rows = database.select(
        "SELECT name, version, title, symbol, formula, unit, lower, upper, citation, uncertainty "
        "FROM metric ORDER BY version DESC"
    ).to_pylist()
    rows = [row for row in rows if row["name"] == name]
    return MetricInfo(**rows[0]) if rows else None


def _question_files(folders: Iterable[str | Path]) -> dict[str, tuple[Path, bool]]:
    """Return each question's file and whether it is built in; the first of a name wins."""
    files: dict[str, tuple[Path, bool]] = {}
    for folder, built_in in _folders(folders):
        for path in sorted(folder.glob("*.sql")):
            files.setdefault(path.stem, (path, built_in))
    return files


def _folders(folders: Iterable[str | Path]) -> Iterator[tuple[Path, bool]]:
    variable = os.environ.get(_QUERIES_VARIABLE, "")
    from_environment = [part for part in variable.split(os.pathsep) if part]
    for given, source in (
        *((folder, "folder of questions") for folder in folders),
        *((folder, _QUERIES_VARIABLE) for folder in from_environment),
    ):
        folder = Path(expanded(given))
        if not is_folder(folder):
            raise UsageError(f"{source}: {str(given)!r} is not a folder")
        yield folder, False
    yield resource_folder("queries"), True


def _value(question: Question, parameter: Parameter, given: Mapping[str, object]) -> ParameterValue:
    if parameter.name in given:
        try:
            return convert(parameter, given[parameter.name])
        except UsageError as error:
            raise UsageError(f"question {question.name}: {error}") from None
    if parameter.required:
        raise UsageError(
            f"question {question.name}: parameter {parameter.name} ({parameter.type}) is "
            f"missing; give it as -p {parameter.name}=… (in Python {parameter.name}=…)"
        )
    return parameter.default


def _check_known(
    database: "Database", question: Question, values: Mapping[str, ParameterValue]
) -> None:
    """Refuse a name that the store does not have: a typo would give an empty answer."""
    for parameter in question.parameters:
        value = values[parameter.name]
        if not parameter.columns or value is None:
            continue
        known = known_values(database, parameter.columns)
        if not known:
            continue
        table, column = parameter.columns[0]
        for wanted in value if isinstance(value, list) else [value]:
            name = show_value(wanted)
            if name not in known:
                if table == "model" and name in known_values(database, [_GROUPS]):
                    raise QueryError(
                        f"{name} is a group of seeds, and question {question.name} takes models "
                        "only: `embstore query models` has the group of each"
                    )
                what = table if column == "name" else f"{table}.{column}"
                raise QueryError(
                    f"no {what} {name!r} {database.where}{closest(name, known)}; "
                    f"it has {listed(known)}"
                )


def known_values(database: "Database", columns: Iterable[tuple[str, str]]) -> list[str]:
    """Return what the store has in any of these columns, in order."""
    # Safe to write into the SQL: the header allows only letters and _ in these names.
    each = [f'SELECT "{column}" AS known FROM "{table}"' for table, column in columns]  # noqa: S608
    found = database.select(f"{' UNION '.join(each)} ORDER BY 1").column("known").to_pylist()
    return [str(value) for value in dict.fromkeys(found) if value is not None]
