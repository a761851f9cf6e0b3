"""Messages on a terminal: whatever they quote, they cannot drive it."""

import pytest

from embstore.cli.terminal import TERMINAL


def test_control_characters_are_shown_and_lines_are_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TERMINAL, "failed", False)
    TERMINAL.say("run of a\x1b]0;owned\x07b\nsecond line: \u202eöé 数")
    TERMINAL.fail("no model c\x1b[2Jd\r")
    assert capsys.readouterr().err == (
        "run of a\\x1b]0;owned\\x07b\nsecond line: \\u202eöé 数\nerror: no model c\\x1b[2Jd\\r\n"
    )
