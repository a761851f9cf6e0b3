"""The plain values of an ingest, and how those that will not do are refused."""

from pathlib import Path
from typing import Any

import pytest

from embstore.choices import Sampling
from embstore.errors import UsageError
from embstore.ingestion.request import (
    ModelSpec,
    build_models,
    build_request,
    build_settings,
    on_this_machine,
)
from embstore.ingestion.shard import Shard


def test_models_share_what_is_said_of_them() -> None:
    models = build_models(["a", Path("b")], revisions=["step1", "step2,step3"], tokenizer=Path("t"))
    revisions = "step1,step2,step3"
    assert models == (
        ModelSpec("a", None, revisions, tokenizer="t"),
        ModelSpec("b", None, revisions, tokenizer="t"),
    )
    assert build_models("a", name="x") == (ModelSpec("a", "x"),)


@pytest.mark.parametrize(
    ("revisions", "message"),
    [
        ("", r"^revisions is empty; give names, patterns, every:N or all"),
        (" , ", r"^revisions is empty"),
        (["a", ""], r"^revisions has an empty name in 'a,'; give names"),
    ],
)
def test_revisions_that_are_empty_are_refused(revisions: str | list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_models("m", revisions=revisions)


def test_a_name_is_for_one_model() -> None:
    with pytest.raises(UsageError, match=r"^name is for one model, but 2 are given; leave it out"):
        build_models(["a", "b"], name="x")


def test_the_values_of_settings_are_checked() -> None:
    with pytest.raises(UsageError, match=r"^unknown dtype 'int8'; choose from auto, float32, "):
        build_settings(Sampling(), dtype="int8")
    with pytest.raises(UsageError, match=r"^a tag's key must not be blank or contain =, as ' ' d"):
        build_settings(Sampling(), tags={" ": "x"})
    with pytest.raises(UsageError, match=r"^tokens must be at least 1, not 0$"):
        build_settings(Sampling(tokens=0))


def test_what_a_machine_decides_is_added_to_the_rest() -> None:
    asked = build_request(build_models("m"), Path("text.txt"), build_settings(Sampling(seed=3)))
    options: dict[str, Any] = {"device": "cpu", "allow_pickle": True, "shard": "2/8", "ray": None}
    options["allow_remote_code"] = False
    request = on_this_machine(asked, batch_size=2, evict=True, force=False, **options)
    assert (request.models, request.corpus) == (asked.models, "text.txt")
    settings = request.settings
    assert (settings.sampling.seed, settings.batch_size, settings.devices) == (3, 2, ("cpu",))
    assert (settings.allow_pickle, settings.evict, settings.force) == (True, True, False)
    assert settings.shard == Shard(2, 8)
    with pytest.raises(UsageError, match=r"^batch size must be at least 1, not 0$"):
        on_this_machine(asked, batch_size=0, evict=False, force=False, **options)


@pytest.mark.parametrize("given", ["cuda:0, cuda", ["cuda:0", "cuda"], ["cuda:0,cuda"]])
def test_devices_are_one_text_or_several(given: str | list[str]) -> None:
    asked = build_request(build_models("m"), "text.txt", build_settings(Sampling()))
    machine: dict[str, Any] = {
        "batch_size": None,
        "shard": None,
        "ray": None,
        **dict.fromkeys(("allow_pickle", "allow_remote_code", "evict", "force"), False),
    }
    request = on_this_machine(asked, device=given, **machine)
    assert request.settings.devices == ("cuda:0", "cuda")
    wrongs: list[str | list[str]] = ["", ",", [], "cuda:0,,cuda"]
    for wrong in wrongs:
        with pytest.raises(UsageError, match=r"^device (is|has an) empty.*; give auto, cpu, cuda"):
            on_this_machine(asked, device=wrong, **machine)


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^no model is given; name one or more, or a study$"):
        build_request((), "enwik8", build_settings(Sampling()))
    for corpus in (None, "", " "):
        with pytest.raises(UsageError, match=r"^no corpus is given; name one, for example enwik8"):
            build_request(build_models("m"), corpus, build_settings(Sampling()))
