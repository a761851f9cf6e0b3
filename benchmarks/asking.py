"""How long a person waits: commands on large stores, from the prompt to the answer.

The stores are one measured model of random weights, repeated: other names, revisions and
steps, the same numbers. What a command reads and writes is as large as in a real one.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.store.connection import open_database

_BLOCKS, _METRICS = 12, 35
_SCOPES = "['all', 'no_first', 'no_sinks']"
# The metrics that questions ask for by default, and made-up ones beside them.
_METRIC_NAMES = (
    "coalesce(list_extract(['anisotropy', 'mean_cosine', 'twonn', 'mle', 'linearity_next', "
    "'participation_ratio', 'effective_rank', 'norm_mean'], k + 1), 'metric_' || k)"
)

# What each command cannot do without.
_LIBRARIES = {
    "help": ("typer", "rich.console", "rich.table"),
    "query over imports": ("typer", "rich.table", "duckdb", "pyarrow", "sqlalchemy"),
    "chart over imports": (
        *("typer", "rich.console", "duckdb", "pyarrow", "sqlalchemy"),
        *("altair", "vl_convert"),
    ),
}


def run(scale: Scale) -> Section:
    """Time the commands that answer, as whole processes."""
    models, steps = (5, 8) if scale.quick else (50, 150)
    repeats = 2 if scale.quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = _store(folder / "small.duckdb", models, max(1000 // models, 2))
        large = _store(folder / "large.duckdb", models, steps)
        question = ("layer_profile", "-p", "models=model-0", "-p", "revisions=step0")
        commands: list[tuple[str, str | None, tuple[str, ...], int]] = [
            ("query, 1,000 runs", "query", ("query", *question, "-s", str(small)), repeats),
            (
                "chart to SVG, 1,000 runs",
                "chart",
                ("chart", *question, "-s", str(small), "-o", str(folder / "x.svg")),
                repeats,
            ),
            (
                f"report, {models} models x {steps} checkpoints",
                "report",
                ("report", "-s", str(large), "-o", str(folder / "x.html")),
                3,
            ),
        ]
        tiny = _store(folder / "tiny.duckdb", 1, 2)
        beyond = [
            ("--help", "help", ("--help",)),
            ("query, 2 runs", "query over imports", ("query", "layer_profile", "-s", str(tiny))),
            (
                "chart to SVG, 2 runs",
                "chart over imports",
                ("chart", "layer_profile", "-s", str(tiny), "-o", str(folder / "y.svg")),
            ),
        ]
        imports, bars = _over_imports(beyond, repeats)
        rows = []
        for label, bar, arguments, times in commands:
            seconds = statistics.median(_seconds(arguments) for _ in range(times))
            rows.append((label, f"{seconds:.2f}"))
            if bar:
                bars.append(Bar(bar, seconds))
        size = (folder / "x.html").stat().st_size / 1e6
        sizes = f"{large.stat().st_size / 1e6:,.0f} MB, the report {size:.1f} MB"
    text = (
        "Whole processes, interpreter and imports included, files in the page cache; medians. "
        f"Runs of {_BLOCKS} blocks, {_METRICS} metrics and three scopes. The large store is "
        f"{sizes}."
    )
    tables = [
        Table(("command", "s"), tuple(rows)),
        Table(("command", "s", "its libraries alone, s", "ratio"), imports, "Against imports"),
    ]
    return Section("Asking", text, tables, bars)


def _over_imports(
    commands: list[tuple[str, str, tuple[str, ...]]], times: int
) -> tuple[tuple[tuple[str, ...], ...], list[Bar]]:
    """Time commands in turns with a Python that only imports the libraries they take."""
    rows, bars = [], []
    for label, bar, arguments in commands:
        # Without the grammar that embstore does without, too.
        code = ("-c", f"import sys; sys.modules['rfc3987_syntax'] = None; {_imports(bar)}")
        took = [(_seconds(arguments), _run_seconds(code)) for _ in range(times)]
        whole, alone = (statistics.median(column) for column in zip(*took, strict=True))
        rows.append((label, f"{whole:.2f}", f"{alone:.2f}", f"{whole / alone:.2f}"))
        bars.append(Bar(bar, whole / alone))
    return tuple(rows), bars


def _imports(bar: str) -> str:
    return f"import {', '.join(_LIBRARIES[bar])}"


def _seconds(arguments: tuple[str, ...]) -> float:
    return _run_seconds(("-m", "embstore", *arguments))


def _run_seconds(arguments: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def _store(path: Path, models: int, steps: int) -> Path:
    """Fill a store with models at steps of their training."""
    open_database(path)
    with duckdb.connect(path) as connection:
        for statement in _statements(models, steps):
            connection.execute(statement)
    return path


def _statements(models: int, steps: int) -> list[str]:
    run = f"FROM range({models}) AS a(m), range({steps}) AS b(s)"
    states = f"{run}, range({_BLOCKS + 1}) AS c(l)"
    site = "CASE WHEN l = 0 THEN 'embedding' ELSE 'block' END"
    kind = "CASE WHEN m % 3 = 0 THEN 'encoder' ELSE 'decoder' END"
    key = "printf('%032d', m * 1000 + s)"
    depth = f"l / {_BLOCKS}"
    value = f"0.2 + 0.6 * sin(3.14159 * {depth}) * s / {steps} + 0.01 * m + 0.001 * k"
    return [
        f"""INSERT INTO model BY NAME
        SELECT printf('%032d', m) AS model_id, 'model-' || m AS name, 'hub' AS source,
            {kind} AS kind, 'made-up' AS architecture, {_BLOCKS} AS n_layers, 768 AS hidden_size,
            85000000 AS n_parameters, 50000 AS vocab_size, 512 AS context_length,
            'text' AS modality
        FROM range({models}) AS a(m)""",
        f"""INSERT INTO checkpoint BY NAME
        SELECT {key} AS checkpoint_id, printf('%032d', m) AS model_id,
            'step' || s * 1000 AS revision, s * 1000 AS step, s * 2000000 AS tokens_seen,
            md5(m || '-' || s) AS weights_sha256, 340000000 AS weights_bytes
        {run}""",
        """INSERT INTO corpus VALUES
        ('c', 'enwik8', 'enwik8.zip', 'abc', 10000, 60000000, 61000000)""",
        f"""INSERT INTO run BY NAME
        SELECT {key} AS run_id, {key} AS configuration_id, 0 AS repeat, {key} AS checkpoint_id,
            'c' AS corpus_id, 8192 AS tokens, 512 AS window_size, 16 AS n_windows,
            4096 AS sample_size, 0 AS seed, 'float32' AS dtype, 8.0 AS sink_threshold,
            0 AS n_special_tokens, 't' AS tokenizer_sha256, 'i' AS token_ids_sha256,
            '{{}}' AS metric_versions, TIMESTAMPTZ '2026-11-01 00:00:00Z' + s * INTERVAL 1 MINUTE
            AS created_at, '0.1.0' AS embstore_version, '3.11' AS python_version,
            '2.13' AS torch_version, '5.23' AS transformers_version, '1.5' AS duckdb_version,
            '2.4' AS numpy_version, 'cpu' AS device, 'sdpa' AS attention,
            'float64' AS accumulation_dtype, 8 AS batch_size, 20.0 AS wall_seconds,
            10.0 AS forward_seconds, 9.0 AS geometry_seconds, 1000000000 AS peak_memory_bytes,
            '{{}}' AS tags, 'all,no_first,no_sinks' AS scopes, 'torch' AS linear
        {run}""",
        f"""INSERT INTO layer BY NAME
        SELECT {key} AS run_id, 'decoder' AS stack, l AS layer, {site} AS site, {depth} AS depth,
            768 AS hidden_size, 8192 AS n_tokens, 16 AS n_first, 1 AS n_sinks, 4096 AS n_sample,
            0 AS n_duplicates, 0 AS n_zero, 'exact' AS neighbor_method, 1.0 AS neighbor_recall
        {states}""",
        f"""INSERT INTO metric BY NAME
        SELECT name, 1 AS version, name AS title, name AS symbol, '' AS formula, '1' AS unit,
            '0' AS lower, '1' AS upper, '' AS citation, 'windows' AS uncertainty
        FROM (SELECT {_METRIC_NAMES} AS name FROM range({_METRICS}) AS d(k))""",
        f"""INSERT INTO measurement BY NAME
        SELECT {key} AS run_id, 'decoder' AS stack, l AS layer, {site} AS site, scope,
            {_METRIC_NAMES} AS metric, {value} AS value, 0.01 AS std_error,
            {value} - 0.02 AS ci_low, {value} + 0.02 AS ci_high, 8192 AS n
        {states}, range({_METRICS}) AS d(k), (SELECT unnest({_SCOPES}) AS scope)""",
    ]
