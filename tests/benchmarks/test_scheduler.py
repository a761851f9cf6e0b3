"""The simulated cluster: what it counts, and that every task is stored or noted as failed."""

import pytest

from benchmarks import scheduler

pytestmark = pytest.mark.slow


def test_every_task_is_stored_or_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_FAILING", 0.2)
    found = scheduler.simulate(40, 0.01)
    # Else it would have raised: the rest are in the store.
    assert 0 < found.failed < 40
    assert [moment.n for moment in found.moments] == [0, 8, 16, 24, 32, 40]
    assert found.worked > 0
    # Five states, three scopes, and the three metrics of the made-up run.
    assert found.numbers == 45


def test_a_store_that_lacks_a_run_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(scheduler._Machines):
        def close(self) -> None:
            self.failed += 1

    monkeypatch.setattr(scheduler, "_Machines", Forgetful)
    with pytest.raises(RuntimeError, match="of 5 tasks 0 failed, and 5 are stored"):
        scheduler.simulate(5, 0.0)
