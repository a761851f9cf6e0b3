"""Metrics chosen by name, family and preset."""

import pickle

import pytest

from embstore.errors import UsageError
from embstore.metrics.registry import FAMILIES, METRICS, PAIR_METRICS
from embstore.metrics.selection import ALL, PRESETS, Selection, choose_metrics


@pytest.mark.parametrize(
    ("terms", "chosen"),
    [
        (["twonn"], ("twonn",)),
        (["twonn", "anisotropy", "twonn"], ("anisotropy", "twonn")),
        (["all"], PRESETS["all"]),
        (["default", "all"], PRESETS["all"]),
        (["core", "update_ratio"], (*PRESETS["core"], "update_ratio")),
        (["next_layer"], tuple(PAIR_METRICS)),
    ],
)
def test_names_families_and_presets_come_in_the_order_of_the_catalogue(
    terms: list[str], chosen: tuple[str, ...]
) -> None:
    found = choose_metrics(terms)
    assert sorted(found) == sorted(chosen)
    assert list(found) == [name for name in ALL if name in chosen]


def test_the_families_are_all_metrics() -> None:
    assert choose_metrics(family.name for family in FAMILIES) == ALL
    # A word must not mean two things.
    assert not {family.name for family in FAMILIES} & {*PRESETS, *ALL}


def test_core_is_what_the_study_measured() -> None:
    quantiles = {f"lid_p{q}" for q in ("05", "25", "50", "75", "95")}
    assert set(PRESETS["core"]) == {"anisotropy", "mean_cosine", "twonn", "mle"} | quantiles
    assert set(PRESETS["core"]) < set(PRESETS["default"]) < set(PRESETS["all"])


def test_what_takes_a_pass_of_its_own_is_asked_for() -> None:
    costly = {"tle", "ess", "local_pca", "ph_dim", "uniformity", "self_clustering"}
    assert costly < set(PRESETS["all"]) - set(PRESETS["default"])
    assert "hubness" in PRESETS["default"]


def test_without_pairs_those_of_two_layers_are_left_out() -> None:
    alone = choose_metrics(["all"], pairs=False)
    assert alone == tuple(name for name in METRICS if name in PRESETS["all"])


def test_what_takes_a_head_or_eager_attention_is_in_no_preset() -> None:
    assert {*ALL} - {*PRESETS["all"]} == {*choose_metrics(["head", "attention"])}
    assert Selection().names == PRESETS["all"]
    assert not Selection().needs("head")
    assert not Selection().needs("attention")


@pytest.mark.parametrize(
    ("terms", "pairs", "why"),
    [
        (
            ["twon"],
            True,
            r"^unknown metric 'twon' \(did you mean twonn\?\); list them: embstore l",
        ),
        (
            ["Core"],
            True,
            r"^unknown metric 'Core' \(did you mean core\?\); list them: embstore l",
        ),
        (
            ["foo"],
            True,
            "^unknown metric 'foo'; choose from the presets core, default, all, the families "
            "spectral, directional, length, dimension, neighborhood, within_windows, head, "
            "attention, next_layer, "
            "and the names "
            "that embstore ls metrics lists$",
        ),
        (["core", "cka_next"], False, "cka_next compares each layer with the next, but pairs"),
        (["next_layer"], False, "no metric is left to measure"),
    ],
)
def test_what_cannot_be_chosen_is_refused(terms: list[str], pairs: bool, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        choose_metrics(terms, pairs=pairs)


@pytest.mark.parametrize(
    ("name", "needs", "eigen"),
    [
        ("norm_p50", set(), "first"),
        ("anisotropy", {"covariance"}, "first"),
        ("participation_ratio_corrected", {"covariance", "spread", "window products"}, "first"),
        ("stable_rank", {"covariance", "spectrum"}, "directions"),
        ("rankme", {"covariance", "spectrum", "spectrum about origin"}, "directions"),
        ("output_variance", {"covariance"}, "first"),
        ("normalized_std", set(), "first"),
        ("twonn", {"neighbors"}, "first"),
        ("corrint", {"neighbors", "pair counts"}, "first"),
        ("hubness", {"neighbors"}, "first"),
        ("uniformity", {"own pass"}, "first"),
        ("tle", {"neighbors", "own pass"}, "first"),
        ("window_entropy", {"window entropy"}, "first"),
        ("window_matrix_entropy", {"window matrix entropy"}, "first"),
        ("window_twonn_ml", {"window dimension"}, "first"),
        ("lens_kl", {"head"}, "first"),
        ("attention_entropy", {"attention"}, "first"),
        ("first_token_norm", {"first norms"}, "first"),
        ("update_ratio", set(), "first"),
        ("neighbor_overlap_next", {"neighbors"}, "first"),
        ("linearity_next", {"covariance", "joint covariance"}, "first"),
    ],
)
def test_a_metric_says_what_it_takes(name: str, needs: set[str], eigen: str) -> None:
    metric = METRICS.get(name) or PAIR_METRICS[name]
    assert metric.needs == needs
    selection = Selection((name,))
    assert all(selection.needs(need) for need in metric.needs)
    assert selection.eigen == eigen


def test_without_errors_no_direction_is_needed() -> None:
    assert Selection(ALL, intervals=False).eigen == "values"


def test_another_process_is_sent_the_names() -> None:
    selection = Selection(("twonn", "anisotropy"), intervals=False)
    # Looks up the functions behind the names, and keeps them; they cannot be sent.
    assert selection.needs("neighbors")
    assert pickle.loads(pickle.dumps(selection)) == selection
