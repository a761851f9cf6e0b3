"""What a task sends back is Arrow, and what it was before, to the last bit."""

from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest

from embstore.ingestion.cluster.answer import packed, unpacked
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.one_checkpoint import Result
from embstore.metrics.registry import metric_infos
from embstore.types import Checkpoint, Measurement
from tests.synthetic import make_run, with_effects


@pytest.fixture
def result() -> Result:
    generator = np.random.default_rng(0)

    def effects(_: Measurement) -> list[float]:
        return [float(number) for number in generator.standard_normal(4)]

    run = with_effects(make_run(metrics=metric_infos(pairs=True)), effects)
    return Result(run.model, run.measured, "sdpa", "torch", 8, 1 / 3, 2**33, run.checkpoint)


def exact(value: object) -> object:
    """Return a record so that only the same bits are equal."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return value.hex() if isinstance(value, float) else value


def test_a_result_comes_back_to_the_last_bit(result: Result) -> None:
    first, second, *rest = result.measured.measurements
    odd = (replace(first, value=np.nan), replace(second, value=None, window_effects=None), *rest)
    spectrum, *others = result.measured.spectra
    broken = replace(spectrum, eigenvalues=np.array([np.inf, -0.0]))
    measured = replace(result.measured, measurements=odd, spectra=(broken, *others))
    sent = replace(result, measured=measured)
    found = unpacked(packed(sent))
    assert isinstance(found, Result)
    assert exact(asdict(found)) == exact(asdict(sent))


def test_what_travels_is_an_arrow_stream_that_any_program_reads(result: Result) -> None:
    with pa.ipc.open_stream(packed(result)) as stream:
        table = stream.read_all()
    (row,) = table["result"].to_pylist()
    assert row["model"]["name"] == result.model.name
    assert [m["value"] for m in row["measured"]["measurements"]] == [
        m.value for m in result.measured.measurements
    ]


def test_weights_that_have_one_fingerprint_only(result: Result) -> None:
    checkpoint = Checkpoint("main", "f" * 64, 1)
    found = unpacked(packed(replace(result, checkpoint=checkpoint)))
    assert isinstance(found, Result)
    assert found.checkpoint == checkpoint


@pytest.mark.parametrize("reason", ["no such file", "/a/\udcff is not on machine é", ""])
def test_a_failure_says_why(reason: str) -> None:
    assert unpacked(packed(Failed(reason))) == Failed(reason)
