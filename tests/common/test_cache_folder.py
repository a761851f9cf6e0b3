from pathlib import Path

import pytest

from embstore.common.cache_folder import cache_folder


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBSTORE_CACHE", "~/corpora")
    assert cache_folder() == Path.home() / "corpora"
    monkeypatch.setenv("EMBSTORE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "embstore"
