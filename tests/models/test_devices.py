"""Names of devices and dtypes; what is not there is refused by name."""

import contextlib
from collections.abc import Iterator

import pytest
import torch

from embstore.common import gpu_memory
from embstore.errors import ModelError, UsageError
from embstore.models import lens
from embstore.models.devices import (
    choose_device,
    choose_devices,
    choose_dtype,
    current,
    share_cores,
    telling_of_memory,
)
from embstore.models.hidden_states import BATCH_BYTES, batch_bytes_on


def cards(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Let torch find so many graphics cards."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n)


def test_device_and_dtype_names() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("cpu:0") == torch.device("cpu")
    assert choose_dtype("auto") is torch.float32
    for unknown in ("nonsense", "meta"):
        with pytest.raises(UsageError, match=rf"^unknown device '{unknown}'; choose from auto"):
            choose_device(unknown)
    with pytest.raises(UsageError, match=r"^device 'cuda:99' cannot be used here: Torch not comp"):
        choose_device("cuda:99")


def test_several_are_each_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    found = choose_devices(["cuda", "cuda:1", "cpu", "cpu"])
    assert list(map(str, found)) == ["cuda", "cuda:1", "cpu", "cpu"]
    with pytest.raises(
        UsageError,
        match=r"^device 'cuda:2' cannot be used here: there are 2 CUDA devices, from cuda:0 on$",
    ):
        choose_devices(["cuda:0", "cuda:2"])
    with pytest.raises(UsageError, match=r"^unknown device 'tpu'; choose from"):
        choose_devices(["cpu", "tpu"])


def test_a_card_is_not_opened_to_see_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 1)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the card was opened")

    monkeypatch.setattr(torch, "empty", refuse)
    assert choose_device("cuda:0") == torch.device("cuda:0")


def test_auto_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    assert choose_devices(["auto"]) == (torch.device("cuda"),)
    with pytest.raises(UsageError, match=r"^device auto is one device, .* as in cuda:0,cuda:1$"):
        choose_devices(["auto", "cuda:1"])


@pytest.mark.parametrize(("threads", "sharing", "each"), [(8, 2, 4), (3, 2, 1), (1, 4, 1)])
def test_processes_share_the_cores(threads: int, sharing: int, each: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        share_cores(sharing)
        assert torch.get_num_threads() == each
    finally:
        torch.set_num_threads(before)


def test_too_little_memory_is_told_with_what_helps() -> None:
    why = (
        r"^lab/a leaves too little memory on cuda:1 to measure it \(CUDA out of memory\); try a "
        r"smaller batch size or sample, fewer metrics, dtype bfloat16, or device cpu$"
    )
    with pytest.raises(ModelError, match=why), telling_of_memory("lab/a", "cuda:1"):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    ("free", "batch", "logits"),
    [
        (100 * 2**30, 2**31, 2**30),
        (8 * 2**30, 2**29, 2**28),
        (2**20, BATCH_BYTES, lens.BLOCK_BYTES),
    ],
)
def test_batches_are_as_large_as_a_card_has_room_for(
    free: int, batch: int, logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = gpu_memory.free_bytes
    monkeypatch.setattr(
        gpu_memory, "free_bytes", lambda name: float(free) if "cuda" in name else given(name)
    )
    assert batch_bytes_on(torch.device("cuda", 1)) == batch
    assert batch_bytes_on(torch.device("cpu")) == batch_bytes_on(torch.device("mps")) == BATCH_BYTES
    assert lens.block_bytes_on(torch.device("cuda")) == logits
    assert lens.block_bytes_on(torch.device("cpu")) == lens.BLOCK_BYTES


def test_a_model_runs_while_its_card_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[torch.device] = []

    @contextlib.contextmanager
    def note(device: torch.device) -> Iterator[None]:
        entered.append(device)
        yield

    monkeypatch.setattr(torch.cuda, "device", note)
    with current(torch.device("cpu")):
        pass
    assert entered == []
    with current(torch.device("cuda:1")):
        assert entered == [torch.device("cuda:1")]
