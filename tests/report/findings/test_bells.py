from dataclasses import replace

import pytest

from embstore.report.findings import bells
from embstore.store.database import Database
from embstore.store.writing import write_runs
from tests.report.told import profile, told
from tests.synthetic import make_run


def test_kinds_are_compared_by_the_middle_against_both_ends() -> None:
    profiles = [profile(margin=0.028), profile("encoder", contrast=0.01, outline="open")]
    found = bells.kinds_compared(profiles, {"decoder", "encoder"})
    assert found is not None
    assert found.text == (
        "The decoder's anisotropy profile is a bell; the encoder's is not clearly a bell."
    )
    assert "0.5 higher (95 % interval 0.472 to 0.528) in decoders; it is" in found.detail
    assert "0.01 higher (95 % interval −0.01 to 0.03) in encoders (all tokens" in found.detail
    assert "each end by more than 3 standard errors (of few windows by what is" in found.detail
    assert "as rare in Student's t) and by more than 0.1" in found.detail


def test_several_profiles_are_counted() -> None:
    decoders = [profile(model=f"m{i}") for i in range(3)]
    encoders = [profile("encoder", model=f"e{i}", outline="flat") for i in range(2)]
    found = bells.kinds_compared([*decoders, *encoders], {"decoder", "encoder"})
    assert found is not None
    assert found.text == (
        "All 3 anisotropy profiles of decoders are bells; both of encoders are flat."
    )
    mixed = bells.kinds_compared([*decoders, profile(outline="rising")], {"decoder"})
    assert mixed is not None
    assert mixed.text == (
        "Of 4 anisotropy profiles of decoders, 3 are bells and 1 rises with depth."
    )


@pytest.mark.parametrize(
    ("n", "with_errors", "text"),
    [
        (1, True, "The decoder's anisotropy profile is not clearly a bell."),
        (2, True, "Neither of the 2 anisotropy profiles of decoders is clearly a bell."),
        (3, True, "None of the 3 anisotropy profiles of decoders is clearly a bell."),
        (
            1,
            False,
            "The decoder's anisotropy profile has no standard errors to tell whether it is a bell.",
        ),
        (
            2,
            False,
            "No anisotropy profile has standard errors to tell whether it is a bell.",
        ),
    ],
)
def test_what_cannot_be_told_is_not_told_as_a_shape(n: int, with_errors: bool, text: str) -> None:
    profiles = [profile(model=f"m{i}", outline="open") for i in range(n)]
    if not with_errors:
        profiles = [replace(one, ci_low=None, ci_high=None) for one in profiles]
    found = bells.kinds_compared(profiles, {"decoder"})
    assert found is not None
    assert (found.text, found.tone) == (text, "finding" if with_errors else "open")


def test_a_stores_profiles_are_told(database: Database) -> None:
    """The decoder's is a bell where its errors are known; the encoder's is flat."""
    errors = {"anisotropy": 0.005}
    write_runs(
        database,
        [
            make_run(name="a", errors=errors),
            make_run(name="b"),
            make_run(name="c", kind="encoder", errors=errors),
        ],
    )
    found = told(database, "Shape of the profile")
    assert found is not None
    assert found.text == (
        "Of 2 anisotropy profiles of decoders, 1 is a bell and 1 has no standard errors to tell "
        "whether it is a bell; the encoder's is flat."
    )
    assert "0.9 higher in decoders; it is" in found.detail
    assert found.runs == (0, 1, 2)


def test_a_kind_without_values_is_told_apart_from_one_that_is_missing() -> None:
    missing = bells.kinds_compared([profile()], {"decoder"})
    assert missing is not None
    assert missing.tone == "finding"
    assert "There are no encoders here" in missing.detail
    empty = bells.kinds_compared(
        [profile(), profile("encoder", contrast=None)], {"decoder", "encoder"}
    )
    assert empty is not None
    assert "No encoder has values over the middle third" in empty.detail
    nothing = bells.kinds_compared([profile(contrast=None)], {"decoder"})
    assert nothing is not None
    assert (nothing.tone, nothing.spark) == ("open", None)
