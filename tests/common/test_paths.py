from pathlib import Path

import pytest

from embstore.common.paths import cache_folder, resource_folder


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBSTORE_CACHE", "~/corpora")
    assert cache_folder() == Path.home() / "corpora"
    monkeypatch.setenv("EMBSTORE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "embstore"


def test_shipped_folders_are_there() -> None:
    assert (resource_folder("queries") / "layer_profile.sql").is_file()
    assert (resource_folder("migrations") / "versions").is_dir()
