"""How the machines of a cluster are divided into tasks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from embstore.errors import UsageError


@dataclass(frozen=True)
class Slots:
    """How tasks divide a cluster.

    Attributes:
        device: of each task, ``cpu`` or ``cuda``.
        cores: of each task.
        n: tasks at the same time.
        memory: bytes of the machine that has most.
    """

    device: str
    cores: int
    n: int
    memory: int


def slots_of(nodes: Iterable[Mapping[str, Any]], devices: tuple[str, ...]) -> Slots:
    """Divide what there is.

    Args:
        nodes: as ``ray.nodes()`` lists them.
        devices: what the user names; one of ``auto``, ``cpu`` and ``cuda``.

    Raises:
        UsageError: it is another one, or no machine has it.
    """
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    machines = [machine for machine in machines if machine.get("CPU", 0) >= 1]
    with_gpus = [machine for machine in machines if machine.get("GPU", 0) >= 1]
    device = ",".join(devices)
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(
            f"device {device} cannot be chosen on a cluster, where Ray gives out devices; give "
            "auto, cpu or cuda"
        )
    if device == "auto":
        device = "cuda" if with_gpus else "cpu"
    usable = with_gpus if device == "cuda" else machines
    if not usable:
        raise UsageError(f"the Ray cluster has no machine with {device}; add one, or wait for it")
    gpus = [int(machine["GPU"]) if device == "cuda" else 1 for machine in usable]
    # As on a single machine a task has all cores, or its part of them beside other GPUs.
    cores = min(max(int(machine["CPU"]) // n, 1) for machine, n in zip(usable, gpus, strict=True))
    n = sum(
        min(gpu, int(machine["CPU"]) // cores) if device == "cuda" else int(machine["CPU"]) // cores
        for machine, gpu in zip(usable, gpus, strict=True)
    )
    memory = max(int(machine.get("memory", 0)) for machine in usable)
    return Slots(device, cores, max(n, 1), memory)
