from embstore.report.findings import sentences


def test_long_and_many_names_are_cut() -> None:
    assert sentences.named([f"m{i}" for i in range(9)]) == "m0, m1, m2, m3 and 5 more"
    assert len(sentences.shortened("x" * 500)) == 60
