from embstore.report.findings import bells
from embstore.store.connection import Database
from embstore.store.writing import write_runs
from tests.report.told import profile, told
from tests.synthetic import make_run


def test_kinds_are_compared_by_the_middle_against_both_ends() -> None:
    profiles = [profile(margin=0.028), profile("encoder", contrast=0.01, outline="open")]
    found = bells.kinds_compared(profiles, {"decoder", "encoder"})
    assert found is not None
    assert "0.5 higher (95 % interval 0.472 to 0.528) in decoders, where 1 of 1 profile is a" in (
        found.text
    )
    assert "0.01 higher (95 % interval -0.01 to 0.03) in encoders, where 0 of 1" in found.text
    assert "1 left open" in found.text
    assert "each end by more than 3 standard errors and by more than 0.1" in found.text


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
    found = told(database, "Encoders and decoders")
    assert found is not None
    assert (
        "0.9 higher in decoders, where 1 of 2 profiles is a bell, 1 left open; it is" in found.text
    )
    assert "in encoders, where 0 of 1 profile is a bell (all tokens" in found.text
    assert found.runs == (0, 1, 2)


def test_a_kind_without_values_is_told_apart_from_one_that_is_missing() -> None:
    missing = bells.kinds_compared([profile()], {"decoder"})
    assert missing is not None
    assert missing.tone == "open"
    assert "There are no encoders here" in missing.text
    empty = bells.kinds_compared(
        [profile(), profile("encoder", contrast=None)], {"decoder", "encoder"}
    )
    assert empty is not None
    assert "No encoder has values over the middle third" in empty.text
