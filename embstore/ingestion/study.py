"""Studies: a TOML file that says what to measure, so that an experiment is one file.

::

    name = "scaling"
    title = "Two sizes of one model"
    description = "Longer than the title, if need be."
    corpus = "texts/wiki.txt"         # beside this file, or as --corpus takes it
    text_field = "text"               # of a corpus of records
    dtype = "float32"
    scopes = ["all", "no_sinks"]
    pairs = true
    tags = { lab = "a" }

    [sampling]
    tokens = 8192
    window = 512
    sample = 4096
    seed = 0

    [[models]]
    model = "EleutherAI/pythia-70m"
    revisions = "every:10"            # or ["step0", "step*"]
    name = "small"
    random_init = false
    tokenizer = "EleutherAI/pythia-1b"

Only ``corpus`` and one model are required. Where a study runs, and what a machine's owner
allows (pickled weights, code of a model), is left to the command line.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embstore.errors import UsageError
from embstore.ingestion.toml_table import Grammar, TomlTable, parse_toml
from embstore.types import SCOPES, Sampling, Scope

DTYPES = ("auto", "float32", "bfloat16", "float16")

_FOLDER = Path(__file__).parent / "studies"
# A study is text that people write; anything longer is another kind of file.
_MAX_BYTES = 1 << 20

_TOP, _SAMPLING, _MODEL = "the top of the file", "[sampling]", "[[models]]"
_PICKLE = "allow pickled weights, which can run code when loaded; who runs it can, with"
_CODE = "allow code that comes with a model; who runs it can, with"
_MACHINE = "say how it runs on a machine; give that on the command line, with"
_GRAMMAR = Grammar(
    noun="study",
    keys={
        _TOP: (
            *("name", "title", "description", "corpus", "text_field", "dtype", "scopes"),
            *("pairs", "tags", "sampling", "models"),
        ),
        _SAMPLING: ("tokens", "window", "sample", "seed"),
        _MODEL: ("model", "revisions", "name", "random_init", "tokenizer"),
    },
    # What a study, which may be a stranger's, must not decide.
    refused={
        "allow_pickle": f"{_PICKLE} --allow-pickle",
        "pickle": f"{_PICKLE} --allow-pickle",
        "allow_remote_code": f"{_CODE} --allow-remote-code",
        "remote_code": f"{_CODE} --allow-remote-code",
        "trust_remote_code": f"{_CODE} --allow-remote-code",
        "store": f"{_MACHINE} --store",
        "device": f"{_MACHINE} --device",
        "batch_size": f"{_MACHINE} --batch-size",
    },
)


@dataclass(frozen=True)
class StudyModel:
    """A model to measure, and at which of its revisions.

    Attributes:
        model: as ``embstore ingest`` takes it; a path of the study's is absolute.
        revisions: terms with commas between, as ``--revisions`` takes them; None for one.
        name: what the store calls the model; None for its own name.
        random_init: measure the architecture with random weights.
        tokenizer: a model whose tokenizer is used; None for its own.
    """

    model: str
    revisions: str | None
    name: str | None
    random_init: bool
    tokenizer: str | None = None


@dataclass(frozen=True)
class Study:
    """An experiment: which models, on what text, sampled and measured how.

    Attributes:
        name: a word for it; by default the file's name without its suffix.
        title: one line; may be empty.
        description: a text of any length; may be empty.
        sha256: of the content, the same for any layout, comments and place of the file.
        corpus: as ``--corpus`` takes it; a path of the study's is absolute.
        text_field: which field of a record is text; None where the corpus has no records.
        sampling: how much text is fed and kept.
        scopes: which sets of tokens are measured, in the order of ``SCOPES``.
        pairs: whether each layer is compared with the next.
        dtype: one of ``DTYPES``.
        tags: stored with each run.
        models: in the order of the file.
    """

    name: str
    title: str
    description: str
    sha256: str
    corpus: str
    text_field: str | None
    sampling: Sampling
    scopes: tuple[Scope, ...]
    pairs: bool
    dtype: str
    tags: Mapping[str, str]
    models: tuple[StudyModel, ...]


def shipped_studies() -> dict[str, Path]:
    """Return the studies that come with embstore, by name.

    >>> list(shipped_studies())
    ['shape-of-learning', 'tiny']
    """
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def study_path(spec: str | Path) -> Path:
    """Return the file a study is in: the one named, else the shipped one of that name.

    Raises:
        UsageError: neither is there; lists the shipped ones.
    """
    if not str(spec):
        raise UsageError("--study is empty; name a file or a study that embstore ships")
    path, shipped = Path(spec).expanduser(), shipped_studies()
    if _exists(path) and not (path.is_dir() and str(spec) in shipped):
        return path
    if str(spec) in shipped:
        return shipped[str(spec)]
    close = difflib.get_close_matches(Path(spec).stem, shipped, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise UsageError(
        f"no study {str(spec)!r}: no such file, and embstore ships {', '.join(shipped)}{hint}"
    )


def study_text(path: Path) -> str:
    """Return the text of a study's file.

    Raises:
        UsageError: it cannot be read, is too large for a study, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"study {path}: cannot be read ({reason}); give a TOML file") from error
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"study {path}: larger than a megabyte; give a TOML file")
    try:
        # Editors on Windows put a byte order mark, which TOML has not.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"study {path}: byte {error.start:,} is not UTF-8 text; give a TOML file"
        ) from error


def read_study(spec: str | Path) -> Study:
    """Read a study and check all that can be checked without its models and its text.

    Args:
        spec: path of a TOML file, or the name of a study that comes with embstore; an
            existing file goes first.

    Raises:
        UsageError: no such study, or something in it does not hold; the message names
            the file and the key, with models counted from 0.

    >>> study = read_study("tiny")
    >>> study.sampling.tokens, [model.name for model in study.models]
    (4096, ['SmolLM2-135M-Instruct', 'all-MiniLM-L6-v2'])
    """
    path = study_path(spec)
    content = parse_toml(study_text(path), path, _GRAMMAR.noun)
    top = TomlTable(path, _GRAMMAR, "", content, _TOP)
    return Study(
        name=top.line("name") or path.stem,
        title=top.line("title") or "",
        description=(top.text("description") or "").strip(),
        corpus=_resolved(top.required("corpus"), path),
        text_field=top.line("text_field"),
        sampling=_sampling(top),
        scopes=_scopes(top),
        pairs=top.flag("pairs", default=True),
        dtype=_dtype(top),
        tags=_tags(top),
        models=_models(top),
        # Of what the file says, not of the paths it leads to here: the same everywhere.
        sha256=_sha256(content),
    )


def _sha256(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sampling(top: TomlTable) -> Sampling:
    table = TomlTable(top.path, _GRAMMAR, "sampling.", top.table("sampling"), _SAMPLING)
    default = Sampling()
    tokens = table.integer("tokens", default.tokens, least=1)
    window = table.integer("window", 1, least=1) if "window" in table.content else None
    if window is not None and window > tokens:
        table.fail("window", f"no more than sampling.tokens, {tokens}")
    return Sampling(
        tokens=tokens,
        window=window,
        sample=table.integer("sample", default.sample, least=1),
        seed=table.integer("seed", default.seed, least=0),
    )


def _scopes(top: TomlTable) -> tuple[Scope, ...]:
    asked = top.lines("scopes")
    if asked is not None and not set(asked) <= set(SCOPES):
        top.fail("scopes", f"a list of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if asked is None or scope in asked)


def _dtype(top: TomlTable) -> str:
    dtype = top.line("dtype") or DTYPES[0]
    if dtype not in DTYPES:
        top.fail("dtype", f"one of {', '.join(DTYPES)}")
    return dtype


def _tags(top: TomlTable) -> dict[str, str]:
    table = TomlTable(top.path, _GRAMMAR, "tags.", top.table("tags"))
    for key in table.content:
        # As the command line writes tags, KEY=VALUE.
        if not key.strip() or "=" in key:
            table.fail(key, "a key that is not blank and has no =")
    return {key: table.required(key) for key in table.content}


def _models(top: TomlTable) -> tuple[StudyModel, ...]:
    """Read all models; none may be asked for twice."""
    places: dict[tuple[str, str | None, bool], int] = {}
    models = []
    for i, content in enumerate(top.tables("models")):
        table = TomlTable(top.path, _GRAMMAR, f"models[{i}].", content, _MODEL)
        model = _model(table)
        first = places.setdefault((model.model, model.revisions, model.random_init), i)
        if first != i:
            table.fail("model", f"no model with the same revisions twice, as in models[{first}]")
        models.append(model)
    return tuple(models)


def _model(table: TomlTable) -> StudyModel:
    spec = table.required("model")
    tokenizer = table.line("tokenizer")
    model = _resolved(spec, table.path)
    revisions = table.lines("revisions")
    terms = [term.strip() for several in revisions or () for term in several.split(",")]
    if not all(terms):
        table.fail("revisions", "no blank between its commas")
    if terms and "@" in spec and model == spec:
        table.fail("revisions", "none beside a model that names its revision after @")
    return StudyModel(
        model=model,
        revisions=",".join(terms) or None,
        name=table.line("name"),
        random_init=table.flag("random_init", default=False),
        tokenizer=_resolved(tokenizer, table.path) if tokenizer else None,
    )


def _resolved(spec: str, study: Path) -> str:
    """Make a path that starts at the study's folder absolute; anything else stays."""
    path = study.absolute().parent / spec
    if spec.startswith(("./", "../")) or _exists(path):
        return str(path)
    return spec


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A Hub id or a pattern may be what no file can be called.
        return False
