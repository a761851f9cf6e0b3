"""How many tasks a cluster has at once, and what each of them has."""

import pytest

from embstore.errors import UsageError
from embstore.ingestion.cluster.slots import Slots, slots_of

MACHINE = {"CPU": 8.0, "memory": 16e9}
WITH_GPUS = {"CPU": 16.0, "GPU": 4.0, "memory": 64e9}


@pytest.mark.parametrize(
    ("device", "machines", "expected"),
    [
        ("auto", [MACHINE, MACHINE], Slots("cpu", 8, 2, 16_000_000_000)),
        ("auto", [MACHINE, WITH_GPUS], Slots("cuda", 4, 4, 64_000_000_000)),
        ("cpu", [MACHINE, WITH_GPUS], Slots("cpu", 8, 3, 64_000_000_000)),
        ("cuda", [WITH_GPUS, {**WITH_GPUS, "CPU": 2.0}], Slots("cuda", 1, 6, 64_000_000_000)),
        # A head that works for none.
        ("auto", [{"memory": 1e9}, MACHINE], Slots("cpu", 8, 1, 16_000_000_000)),
    ],
)
def test_machines_are_divided_into_tasks(
    device: str, machines: list[dict[str, float]], expected: Slots
) -> None:
    alive = [{"Alive": True, "Resources": machine} for machine in machines]
    dead = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    assert slots_of([*alive, dead], (device,)) == expected


@pytest.mark.parametrize("devices", [("cuda:1",), ("cpu", "cpu"), ("mps",)])
def test_single_devices_are_not_chosen_on_a_cluster(devices: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"cannot be chosen on a cluster, where Ray gives out"):
        slots_of([], devices)


def test_a_cluster_without_the_device_is_refused() -> None:
    machine = {"Alive": True, "Resources": MACHINE}
    with pytest.raises(UsageError, match=r"^the Ray cluster has no machine with cuda; add one"):
        slots_of([machine], ("cuda",))
