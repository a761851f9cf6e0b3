from pathlib import Path

import pytest

from embstore.store.lake.secrets import without_secrets


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passwords"
    file.write_text(
        "# host:port:database:user:password\ndb:5432:*:me:from\\:file\n"
        "db:5432:*:domain\\\\:se:cond\nbroken line\n"
    )
    monkeypatch.setenv("PGPASSFILE", str(file))
    monkeypatch.setenv("PGPASSWORD", "from-environment")


@pytest.mark.parametrize(
    "message",
    [
        "could not connect with from:file to db",
        "could not connect with from-environment",
        "dbname=x password=secret1 host=y",
        "dbname=x password = 'se\\'cret1' host=y",
        "postgresql://me:secret1@db/x",
        "postgresql://me:secret1/and@more@db/x",
        "could not connect with se:cond to db",
        "sslpassword=secret1",
    ],
)
def test_no_password_that_could_be_known_is_in_a_message(message: str) -> None:
    hidden = without_secrets(message)
    assert "***" in hidden
    for secret in ("from:file", "from-environment", "secret1", "more", "se:cond", "se\\'cret1"):
        assert secret not in hidden


def test_other_messages_stay() -> None:
    message = 'password authentication failed for user "me" at db:5432 (https://example.org/a:b)'
    assert without_secrets(message) == message
