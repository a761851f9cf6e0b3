"""What the scripts try at length, in short."""

import pytest

from tests.processes import finish, start
from tests.servers import installed

# Each starts a Python with torch, and kills what it begins.
pytestmark = pytest.mark.slow

RUN = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


def test_killed_at_any_moment_nothing_is_lost() -> None:
    told = finish(start(RUN, "tests.stress.kills", "--times", "3"), timeout=600).splitlines()
    assert [line.partition(":")[0] for line in told] == ["ingest", "merge", "migrate", "export"]
    assert all(line.endswith(" 0 wrong") for line in told)


def test_eight_who_write_and_two_who_ask_do_not_disturb_each_other() -> None:
    told = finish(start(RUN, "tests.stress.crowd"), timeout=600)
    assert told.startswith("8 wrote 18 runs in ")
    assert told.endswith("nothing lost, nothing twice\n")


def test_eight_who_write_to_a_lake_lose_nothing_to_a_kill_and_a_restart() -> None:
    installed()
    told = finish(start(RUN, "tests.stress.lake_crowd", "--runs", "2"), timeout=600)
    assert ": 0 lost, 0 twice, 0 faults; " in told
