from embstore.report.findings import sentences


def test_long_and_many_names_are_cut() -> None:
    assert sentences.named([f"m{i}" for i in range(9)]) == "m0, m1, m2, m3 and 5 more"
    assert len(sentences.shortened("x" * 500)) == 60
    # Of two that are alike when cut as short, each is as long as tells it from the other.
    middles = ["x" * 100 + end + "x" * 100 for end in "ab"]
    assert len(set(sentences.named(middles).split(", "))) == 2
