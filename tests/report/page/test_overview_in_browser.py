"""What a reader sees first: a picture under its finding, the other findings a line each."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from embstore.choices import Scope
from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.types import LayerKey
from tests.report.conftest import Open
from tests.report.visiting import choose, ready, slide, unfold
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, Values, make_run

ERRORS = {"anisotropy": 0.005, "twonn": 0.02}
STEPS = (0, 10, 100, 1000, 5000)


def page_of(database: Database) -> Path:
    path = database.path.with_suffix(".html")
    path.write_text(build_report(database).html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder and an encoder, one checkpoint each."""
    return page_of(
        new_store(
            tmp_path_factory.mktemp("two") / "two.duckdb",
            [
                make_run(name="lab/decoder", metrics=ALL_METRICS, errors=ERRORS),
                make_run(name="lab/encoder", kind="encoder", metrics=ALL_METRICS, errors=ERRORS),
            ],
        )
    )


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model at five steps, the profile higher at each."""

    def at(step: int) -> Values:
        def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
            high = 0.1 + 0.2 * STEPS.index(step) if scope == "all" else 0.05
            return 0.05 + high * 4 * depth * (1 - depth)

        return values

    return page_of(
        new_store(
            tmp_path_factory.mktemp("training") / "training.duckdb",
            [
                make_run(
                    name="lab/model",
                    revision=f"step{step}",
                    step=step,
                    values=at(step),
                    errors=ERRORS,
                )
                for step in STEPS
            ],
        )
    )


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
@pytest.mark.parametrize("store", ["two", "training"])
def test_the_first_screen_is_a_picture_under_its_finding(
    store: str, width: int, height: int, visit: Open, request: pytest.FixtureRequest
) -> None:
    page = ready(visit(request.getfixturevalue(store), width=width, height=height))
    title = page.locator("#overview h2")
    plot = page.locator("#overview svg.plot").first
    for part in (title, plot):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < height
    assert "anisotropy" in title.inner_text()
    # A phone is not scrolled for ever: half of what it was, with every section there.
    assert page.evaluate("document.documentElement.scrollHeight") < 9000


def test_the_findings_are_one_line_each_with_a_drawing(two: Path, visit: Open) -> None:
    page = ready(visit(two))
    findings = page.locator(".findings > li")
    assert findings.count() == 4
    for finding in findings.all():
        box = finding.bounding_box()
        assert box is not None
        assert box["height"] < 45
        assert finding.locator(".spark path.line").count() >= 1
        assert not finding.locator(".behind-it").is_visible()
    # With and without sinks, the encoder's; the shape is of both models.
    assert findings.nth(0).locator(".spark path.line").count() == 2
    assert findings.nth(1).locator(".spark path.line").count() == 2
    findings.nth(1).locator("summary").click()
    behind = findings.nth(1).locator(".behind-it")
    assert "A bell exceeds each end by more than 3 standard errors" in behind.inner_text()
    assert "From 2 runs" in behind.inner_text()


def test_all_tokens_and_those_without_sinks_are_one_chart(two: Path, visit: Open) -> None:
    page = ready(visit(two))
    profiles = page.locator("#profiles")
    assert profiles.locator("g.series").count() == 4
    assert profiles.locator("path.line[stroke-dasharray]").count() == 2
    # One colour per model, full and hollow.
    for colour in ("c0", "c1"):
        lines = profiles.locator(f"g.series.{colour}")
        assert lines.count() == 2
        assert lines.nth(0).locator("path.hollow").count() == 0
        assert lines.nth(1).locator("path.hollow").count() == 5
    # The decoder ends at 0.05, the encoder at 0.09.
    assert profiles.locator(".plot .label").all_text_contents() == ["encoder", "decoder"]
    entries = profiles.locator(".legend li").all_inner_texts()
    assert entries == ["all tokens", "without attention sinks", "Bands are 95 % intervals."]
    # A model keeps its colour when it is alone.
    unfold(page, "#profiles details.boxes-of")
    profiles.get_by_role("checkbox", name="lab/decoder").uncheck()
    assert profiles.locator("g.series.c1").count() == 2
    assert profiles.locator("g.series.c0").count() == 0


@pytest.mark.slow
def test_of_very_many_lines_only_those_over_all_tokens_have_marks(
    visit: Open, tmp_path: Path
) -> None:
    runs = [make_run(name=f"m{place:02d}", n_layers=2) for place in range(21)]
    page = ready(visit(page_of(new_store(tmp_path / "many.duckdb", runs))))
    profiles = page.locator("#profiles")
    assert profiles.locator("path.hollow").count() > 0
    unfold(page, "#profiles details.boxes-of")
    profiles.get_by_role("button", name="Choose all models shown").click()
    assert profiles.locator("g.series").count() == 42
    assert profiles.locator("g.series path.hollow").count() == 0
    assert profiles.locator("path.mark[tabindex]").count() == 21 * 3
    # Alone they have theirs.
    choose(page, "profiles", "Tokens counted", "without attention sinks")
    assert profiles.locator("path.mark[tabindex]").count() == 21 * 3


def dimensions(embedding: float) -> Values:
    """A dimension of 6 to 9 in the blocks, of the embedding what is asked for."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        if metric != "twonn":
            return 0.2 + 0.5 * depth * (1 - depth)
        return embedding if key.layer == 0 else 5.0 + key.layer

    return values


@pytest.mark.parametrize(
    ("embedding", "beyond"), [(68.0, True), (11.0, True), (9.5, False), (7.5, False)]
)
def test_a_dimension_is_looked_at_in_the_blocks(
    visit: Open, tmp_path: Path, embedding: float, beyond: bool
) -> None:
    runs = [
        make_run(name="lab/a", values=dimensions(embedding)),
        make_run(name="lab/b", kind="encoder", n_layers=3, values=dimensions(embedding)),
    ]
    page = ready(visit(page_of(new_store(tmp_path / "store.duckdb", runs))))
    choose(page, "profiles", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    assert page.locator("#overview h2").inner_text() == (
        "Intrinsic dimension (TwoNN) of the blocks is highest in layer 4 (depth 1) of lab/a @ "
        "main: 9."
    )
    profiles = page.locator("#profiles")
    assert profiles.locator(".y-tick").last.text_content() == "10"
    told = f"Left off the axis: the embedding, {embedding:g}."
    assert (told in profiles.locator(".legend").inner_text()) is beyond
    marks = profiles.locator("svg.plot path.mark")
    assert marks.count() == 2 * (4 + 3 + 2 * (not beyond))
    # What has a place on the axis is apart from the line of the blocks.
    assert profiles.locator("svg.plot path.apart").count() == 4 * (not beyond)
    assert profiles.locator(".legend").get_by_text("the embedding", exact=True).count() == (
        not beyond
    )
    # The table has it; a number that is no estimate keeps its embedding.
    table = unfold(page, "#profiles details.numbers")
    expect(table.locator("tbody tr", has_text="embedding")).to_have_count(4)
    choose(page, "profiles", "Metric", "Anisotropy (anisotropy)")
    assert marks.count() == 2 * (5 + 4)
    choose(page, "compare", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    row = unfold(page, "#compare details.numbers").locator("tr", has_text="twonn")
    # Peaks and the largest gap are those of blocks, too: 9 against 8, at the end.
    found = [row.locator("td").nth(place).inner_text() for place in (-5, -4, -2)]
    assert found == ["9", "8", "1"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve decoders that peak at 0.4 to 0.95 and three encoders that peak at 0.05."""

    def high(peak: float) -> Values:
        def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
            return (peak if scope == "all" else 0.1) * (1 - 2 * abs(depth - 0.5)) or 0.01

        return values

    return page_of(
        new_store(
            tmp_path_factory.mktemp("many") / "many.duckdb",
            [
                *(make_run(name=f"lab/d{i:02d}", values=high(0.4 + 0.05 * i)) for i in range(12)),
                *(make_run(name=f"lab/a{i}", kind="encoder", values=high(0.05)) for i in range(3)),
            ],
        )
    )


def test_the_chart_draws_what_its_title_is_about(many: Path, visit: Open) -> None:
    page = ready(visit(many))
    profiles = page.locator("#profiles")
    title = page.locator("#overview h2")
    assert title.inner_text().startswith(
        "In 12 decoders, anisotropy peaks at 0.675 in the median, at depth 0.5;"
    )
    summary = profiles.locator("details.boxes-of > summary")
    assert summary.inner_text() == "12 models of 15"
    assert profiles.locator("g.series").count() == 24
    # The median of the title has its place among the lines.
    rings = profiles.locator(".rings circle")
    assert rings.count() == 2
    legend = profiles.locator(".legend").inner_text()
    assert "median peak of 12 lines, all tokens: 0.675 at depth 0.5" in legend
    assert "without attention sinks: 0.1 at depth 0.5" in legend
    # Names of so many lines fold away; a picture has them.
    names = profiles.locator(".legend details")
    assert names.locator("summary").inner_text() == "Which line is which (12)"
    assert not names.get_by_text("lab/d03 @ main").is_visible()
    names.locator("summary").click()
    assert names.get_by_text("lab/d03 @ main").is_visible()
    # Of a choice the title says that it is one.
    unfold(page, "#profiles details.boxes-of")
    profiles.get_by_role("checkbox", name="lab/d11").uncheck()
    assert title.inner_text() == (
        "Of the 11 models shown, anisotropy is highest in layer 2 (depth 0.5) of lab/d10 @ main: "
        "0.9."
    )
    profiles.get_by_role("button", name="Choose none").click()
    assert title.inner_text() == profiles.locator(".empty").inner_text() == "No model is chosen."
    profiles.get_by_role("checkbox", name="lab/a1").check()
    assert title.inner_text() == (
        "Anisotropy of lab/a1 @ main, without attention sinks, is highest in layer 2 (depth 0.5): "
        "0.1."
    )
    assert rings.count() == 0
    profiles.get_by_role("button", name="Choose all models shown").click()
    legend = profiles.locator(".legend").inner_text()
    assert "median peak of 12 lines (decoder), all tokens: 0.675" in legend
    assert "median peak of 3 lines (encoder), all tokens: 0.05" in legend


def test_one_model_is_drawn_over_its_layers_which_the_title_names(
    visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of(new_store(tmp_path / "one.duckdb", [make_run(name="lab/a")]))))
    assert "in layer 2" in page.locator("#overview h2").inner_text()
    assert page.locator("#profiles .x-title").text_content() == "Layer"


@pytest.mark.parametrize(
    ("names", "at_the_ends"),
    [
        (["lab/" + "long-" * 12 + end for end in ("one", "two")], True),
        (["lab/" + start + "-long" * 12 for start in ("one", "two")], True),
        # Alike but in the middle: the legend has them in full.
        (["lab/" + "x" * 40 + middle + "x" * 40 for middle in ("one", "two")], False),
    ],
)
def test_labels_of_long_names_differ(
    visit: Open, tmp_path: Path, names: list[str], at_the_ends: bool
) -> None:
    runs = [make_run(name=name) for name in names]
    profiles = ready(visit(page_of(new_store(tmp_path / "long.duckdb", runs)))).locator("#profiles")
    labels = profiles.locator(".plot .label").all_text_contents()
    assert len(labels) == len(set(labels)) == (2 if at_the_ends else 0)
    legend = profiles.locator(".legend").inner_text()
    assert all((name in legend) is not at_the_ends for name in names)


def test_the_title_is_the_finding_only_while_the_chart_shows_it(two: Path, visit: Open) -> None:
    page = ready(visit(two))
    title = page.locator("#overview h2")
    found = title.inner_text()
    assert found == (
        "In lab/decoder, anisotropy peaks at 0.95 in layer 2 (depth 0.5); without attention sinks "
        "the peak is 0.15 there."
    )
    behind = page.locator("details.behind")
    assert behind.is_visible()
    choose(page, "profiles", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    assert title.inner_text() == (
        "Intrinsic dimension (TwoNN) of the blocks is highest in layer 4 (depth 1) of "
        "lab/decoder @ main: 12."
    )
    assert not behind.is_visible()
    choose(page, "profiles", "Metric", "Anisotropy (anisotropy)")
    assert title.inner_text() == found
    assert behind.is_visible()


def test_checkpoints_are_coloured_in_order_and_the_slider_picks_one(
    training: Path, visit: Open
) -> None:
    page = ready(visit(training))
    checkpoints = page.locator("#checkpoints")
    assert page.locator("#overview h2").inner_text() == (
        "With training, the anisotropy of the highest block of lab/model rises from 0.15 at step 0 "
        "to 0.95 at step 5,000."
    )
    colours = checkpoints.locator(".backdrop path").evaluate_all(
        "all => all.map(one => one.style.getPropertyValue('--by-day'))"
    )
    assert len(set(colours)) == len(STEPS)
    drawn = checkpoints.locator("g.series.strong").first
    assert drawn.evaluate("one => one.style.getPropertyValue('--by-day')") == colours[-1]
    slider = checkpoints.get_by_label("Checkpoint", exact=True)
    assert slider.get_attribute("aria-valuetext") == "step 5,000"
    slide(page, "checkpoints", "Checkpoint", 1)
    assert slider.get_attribute("aria-valuetext") == "step 10"
    label = drawn.locator("path.mark").nth(2).get_attribute("aria-label")
    assert label is not None
    assert label.startswith("lab/model @ step 10, layer 2: 0.35 (95 % interval 0.3466 to 0.3534)")
    assert drawn.evaluate("one => one.style.getPropertyValue('--by-day')") == colours[1]
    # The axis does not move with it.
    assert checkpoints.locator(".y-tick").last.text_content() == "1"


def test_a_training_is_played_and_stops_at_its_end(training: Path, visit: Open) -> None:
    page = ready(visit(training))
    # The page's clock is turned by hand: a slow machine would miss what is seen for a moment.
    step = 600
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    checkpoints = page.locator("#checkpoints")
    slider = checkpoints.get_by_label("Checkpoint", exact=True)
    play = checkpoints.get_by_role("button", name="Play")
    play.click()
    assert slider.input_value() == "0"
    assert checkpoints.get_by_role("button", name="Pause").is_visible()
    page.clock.run_for(2 * step)
    assert slider.input_value() == "2"
    checkpoints.get_by_role("button", name="Pause").click()
    page.clock.run_for(3 * step)
    assert slider.input_value() == "2"
    play.click()
    page.clock.run_for(2 * step)
    assert slider.input_value() == "4"
    assert play.is_visible()
    page.clock.run_for(step)
    assert slider.input_value() == "4"
    assert "step 5,000" in page.locator("#live").inner_text()


def test_contents_stay_in_sight_and_open_what_they_lead_to(two: Path, visit: Open) -> None:
    page = ready(visit(two, width=390, height=844))
    page.locator("nav a", has_text="Metrics").click()
    expect(page.locator("#metrics table")).to_be_in_viewport()
    bar = page.locator("nav").bounding_box()
    assert bar is not None
    assert abs(bar["y"]) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_heat_map_says_how_far_the_embedding_is_beyond_its_colours(
    tmp_path: Path, visit: Open
) -> None:
    def grown(step: int) -> Values:
        def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
            return 10.0 + key.layer + step if key.layer else 2.0 + step

        return values

    runs = [make_run(revision=f"step{n}", step=n, values=grown(n)) for n in (1, 3)]
    page = ready(visit(page_of(new_store(tmp_path / "s.duckdb", runs))))
    legend = page.locator("#training .legend").first
    expect(legend).to_contain_text("12 ")
    expect(legend).to_contain_text("; the embedding, 3 to 5, lies beyond the colours")
