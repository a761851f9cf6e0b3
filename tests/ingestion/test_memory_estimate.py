"""What a run should take, and what processes of their own did take."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from embstore.choices import Sampling
from embstore.ingestion.dry_run import preview
from embstore.ingestion.memory_estimate import Extent, MemoryEstimate, estimate
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.models.description import ModelSize
from embstore.models.hidden_states import default_batch_size, windows_per_batch
from tests import tiny_models
from tests.processes import finish, start

GB = 1e9
# Llama 3 8B without its head, on the defaults, on four cores.
LARGE = ModelSize(
    n_parameters=7_504_924_672,
    hidden_size=4096,
    n_layers=(32,),
    widest=14_336,
    n_multiplied=6_979_321_856,
)
DEFAULTS = Extent(n_windows=16, window=512, n_sample=4096)
NO_PAIRS = Extent(n_windows=16, window=512, n_sample=4096, pairs=False)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embstore.measuring.layers_at_once.total_memory", lambda: 24 * 10**9)


def test_a_large_model_with_pairs_and_without() -> None:
    with_pairs = estimate(LARGE, DEFAULTS, n_workers=4)
    # 34 states and 32 pairs of a (4096, 4096) sum in float64, 134 MB, of the states one
    # triangle; the vectors of 16 first tokens and 16 sinks are half a megabyte a state.
    assert with_pairs.weights == 4 * 7_504_924_672
    assert with_pairs.moments == 34 * (4 * 4096 * 4097 + 32 * 4096 * 4)
    assert with_pairs.pairs == 32 * 8 * 4096**2
    # 4,096 float32 vectors of each state; 30 neighbours and a row of 8 bytes in 3 scopes.
    assert with_pairs.sample == 34 * (4 * 4096**2 + 31 * 8 * 3 * 4096)
    assert with_pairs.moments / GB == pytest.approx(2.3, abs=0.05)
    assert with_pairs.pairs / GB == pytest.approx(4.3, abs=0.05)
    assert with_pairs.sample / GB == pytest.approx(2.4, abs=0.05)
    assert with_pairs.work / GB == pytest.approx(2.3, abs=0.1)
    assert with_pairs.total / GB == pytest.approx(41.6, abs=0.1)
    # Beside the weights 12 GB are enough.
    assert (with_pairs.total - with_pairs.weights) / GB < 12
    without = estimate(LARGE, NO_PAIRS, n_workers=4)
    assert without.pairs == 0
    assert (without.weights, without.moments, without.sample) == (
        with_pairs.weights,
        with_pairs.moments,
        with_pairs.sample,
    )
    assert without.total / GB == pytest.approx(37.6, abs=0.1)


def test_the_total_has_a_batch_or_the_work_but_not_both() -> None:
    parts = MemoryEstimate(weights=1, moments=2, pairs=4, sample=8, batch=16, work=32, runtime=64)
    assert parts.total == 1 + 2 + 4 + 8 + 32 + 64
    assert parts.as_columns()["batch_bytes"] == 16
    assert parts.as_columns()["total_bytes"] == parts.total


def test_scopes_workers_and_dtype_count() -> None:
    base = estimate(LARGE, DEFAULTS, n_workers=4)
    half = Extent(n_windows=16, window=512, n_sample=4096, itemsize=2)
    one_scope = Extent(n_windows=16, window=512, n_sample=4096, n_scopes=1)
    assert estimate(LARGE, half, n_workers=4).weights * 2 == base.weights
    assert estimate(LARGE, one_scope, n_workers=4).sample < base.sample
    narrow = replace(LARGE, hidden_size=576)
    few, many = (estimate(narrow, DEFAULTS, n_workers=n).batch for n in (4, 8))
    assert many > few


def test_wide_layers_take_no_more_on_more_cores() -> None:
    """Of 32 layers of 4,096 dimensions, in bfloat16: 12 GB beside the weights."""
    extent = replace(DEFAULTS, n_scopes=2, itemsize=2)
    for n in (1, 2, 4, 16, 64):
        found = estimate(LARGE, extent, n_workers=n)
        assert found.total - found.weights < 12e9


def test_more_tokens_take_no_more() -> None:
    more = Extent(n_windows=160, window=512, n_sample=4096)
    grown = estimate(LARGE, more, n_workers=4).total - estimate(LARGE, DEFAULTS, n_workers=4).total
    # The vectors of 144 more first tokens and as many sinks, in 34 states.
    assert grown == 34 * 2 * 144 * 4096 * 4
    # From d/2 windows on they are sums, whatever comes.
    millions = [Extent(n_windows=n, window=512, n_sample=4096) for n in (2_048, 20_480)]
    assert len({estimate(LARGE, extent).total for extent in millions}) == 1


def test_the_batch_size_is_that_of_the_forward_pass(tiny_llama: Path) -> None:
    model = tiny_models.load(tiny_llama)
    for window in (16, 128, 100_000):
        assert windows_per_batch(5, 32, window) == default_batch_size(model, window)


on_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads a process's peak from Linux"
)

# Peak of the process itself: what getrusage reports begins with its parent's.
CHILD = """
import json, sys
from pathlib import Path
from embstore.ingestion.run import ingest
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.dry_run import preview
from embstore.choices import Sampling

def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

model, text, store, batch_size, sampling = json.loads(sys.argv[1])
settings = Settings(sampling=Sampling(**sampling), batch_size=batch_size)
arguments = Request((ModelSpec(model),), text, settings), store
# Imports what a model of this kind needs.
preview(*arguments)
before = resident("VmRSS")
list(ingest(*arguments))
print(resident("VmHWM") - before)
"""


def grown(
    model: Path, text: Path, store: Path, *, batch_size: int | None = None, **sampling: int
) -> int:
    """Ingest in a process of its own and return by how much that grew at its peak."""
    arguments = json.dumps([str(model), str(text), str(store), batch_size, sampling])
    # With a heap for each thread glibc's peak differs by 10 MB from run to run.
    return int(finish(start(CHILD, arguments, MALLOC_ARENA_MAX="1")))


def build(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: int) -> Path:
    """Save a random decoder with other numbers than the tiny one's."""
    changed = {**tiny_models.FAMILIES["llama"], **settings}
    monkeypatch.setitem(tiny_models.FAMILIES, "llama", changed)
    return tiny_models.build("llama", folder)


@pytest.mark.slow
@on_linux
def test_the_estimate_is_near_what_a_process_takes(
    write_text: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tmp_path / "m", monkeypatch, hidden_size=384, intermediate_size=768)
    text = write_text(10_000)
    sampling = {"tokens": 4096, "sample": 1024}
    found = grown(model, text, tmp_path / "s.duckdb", **sampling)
    settings = Settings(sampling=Sampling(tokens=4096, sample=1024))
    (row,) = preview(Request((ModelSpec(str(model)),), str(text), settings), None)
    assert row.work is not None
    work = row.work
    assert found < work.memory.total
    # Of a tiny model a good part is the allowance for running any model, and a tiny one
    # needs half of that; the rest is meant to be between once and twice what is taken.
    assert work.memory.total < 3 * found


@pytest.mark.slow
@on_linux
def test_memory_does_not_grow_with_tokens(
    write_text: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tmp_path / "m", monkeypatch, hidden_size=128, intermediate_size=256)
    text = write_text(120_000)
    # Small batches: how much of one two workers hold at the same moment is chance, and more
    # batches have more chances.
    few, many = (
        grown(model, text, tmp_path / f"{tokens}.db", batch_size=8, tokens=tokens, sample=1024)
        for tokens in (4_096, 65_536)
    )
    # Ids take 0.5 MB, sums of first tokens and of sinks 2 MB; peaks differ by 1 MB from run
    # to run. All states of the larger run together would be 170 MB.
    assert many - few < 5e6
