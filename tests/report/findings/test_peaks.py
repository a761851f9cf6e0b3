import pytest

from embstore.choices import Scope
from embstore.report.findings.peaks import peak_by_kind
from embstore.report.findings.sentences import Finding, Spark
from embstore.report.read.profiles import AnisotropyProfile
from embstore.store.database import Database
from embstore.store.writing import write_run
from embstore.types import LayerKey
from tests.report.told import profile, told
from tests.synthetic import make_run


def peak(*profiles: AnisotropyProfile) -> Finding:
    (found,) = peak_by_kind(profiles)
    return found


def test_a_peak_is_told_with_its_layer_with_and_without_sinks() -> None:
    decoder, encoder = peak_by_kind(
        [
            profile(value=0.992, layer=12),
            profile(scope="no_sinks", value=0.411, layer=3),
            profile("encoder", value=0.09, layer=5),
            profile("encoder", scope="no_sinks", value=0.091, layer=5),
        ]
    )
    assert decoder.text == (
        "In a decoder, anisotropy peaks at 0.992 in layer 12 (depth 0.5); without attention sinks "
        "the peak is 0.411, in layer 3 (depth 0.5)."
    )
    assert decoder.spark == Spark("anisotropy", (0,), ("all", "no_sinks"))
    assert encoder.text == (
        "In a encoder, anisotropy peaks at 0.09 in layer 5 (depth 0.5); without attention sinks "
        "the peak is 0.091 there."
    )
    assert list(peak_by_kind([])) == []


def test_several_models_give_a_median_and_a_range() -> None:
    values = (0.5, 0.9, 0.7, 0.8, 0.6)
    found = peak(*(profile(value=v, model=f"m{i}") for i, v in enumerate(values)))
    assert found.text == ("In 5 decoders, anisotropy peaks at 0.7 in the median, at depth 0.5.")
    assert "m0, m1, m2, m3 and 1 more" in found.detail
    assert found.detail.endswith("count. All tokens: 0.5 to 0.9, at depths 0.5 to 0.5.")


def test_one_model_over_several_texts_is_told_by_its_median() -> None:
    found = peak(profile(value=0.4, depth=0.25, layer=3), profile(value=0.8, depth=0.75, layer=9))
    assert found.text == (
        "In a decoder, anisotropy peaks at 0.6 in the median of 2 texts, at depth 0.5."
    )


def test_a_model_counts_once() -> None:
    # Three texts of one model weigh no more than one of another.
    unequal = peak(*[profile(value=0.1, model="a")] * 3, profile(value=0.9, model="b"))
    assert "peaks at 0.5 in the median" in unequal.text
    assert "All tokens: 0.1 to 0.9, at" in unequal.detail


def test_depths_that_differ_are_a_median_and_a_range() -> None:
    found = peak(profile(model="a", depth=0.25), profile(model="b", depth=0.75))
    assert found.text.endswith("peaks at 0.9 in the median, at depth 0.5.")
    assert found.detail.endswith("at depths 0.25 to 0.75.")
    without = peak(profile(scope="no_first"))
    assert without.text.endswith("peaks at 0.9 (without first tokens) in layer 12 (depth 0.5).")


def test_both_stacks_are_named(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.9 if key.stack == "decoder" else 0.1

    write_run(database, make_run(name="t5", kind="encoder-decoder", values=values))
    found = told(database, "Peak anisotropy of encoder-decoders")
    assert found is not None
    assert "peaks at 0.1 in the embedding of the encoder;" in found.text
    assert ", and at 0.9 in the embedding of the decoder;" in found.text


@pytest.mark.slow
def test_the_final_norm_is_in_no_finding(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.99 if key.site == "final_norm" else 0.2 + key.layer / 100

    write_run(database, make_run(values=values))
    found = told(database, "Peak anisotropy of decoders")
    assert found is not None
    assert "peaks at 0.24 in layer 4" in found.text


def test_with_and_without_sinks_are_the_peaks_of_the_same_profiles() -> None:
    of_both = [
        profile(model=model, scope=scope, value=value)
        for model, values in (("a", (0.8, 0.3)), ("b", (0.6, 0.5)))
        for scope, value in zip(("all", "no_sinks"), values, strict=True)
    ]
    alone = [profile(model="c", value=0.1), profile(model="d", scope="no_sinks", value=0.9)]
    found = peak(*of_both, *alone)
    assert found.text == (
        "In 4 decoders, anisotropy peaks at 0.7 in the median, at depth 0.5; without attention "
        "sinks the peak is 0.4 there (of the 2 of 4 profiles that have both)."
    )
    assert "All tokens: 0.6 to 0.8, at" in found.detail
    assert "(of the" not in peak(*of_both).text
    # No profile is known both ways: nothing can be compared.
    assert peak(*alone).text == (
        "In 2 decoders, anisotropy peaks at 0.1 in the median, in layer 12 (depth 0.5)."
    )
