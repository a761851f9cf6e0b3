import hashlib
import html
import io
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from embstore.asking.question import parse_question
from embstore.charts.build import AnyChart, build_chart, save_chart
from embstore.charts.theme import DARK
from embstore.errors import EmbstoreError, UsageError
from tests.charts.specifications import NASTY, SHARE, ask, rows, spec_of


@pytest.fixture(scope="module")
def chart() -> AnyChart:
    table = rows("lab/a-model-with-a-very-long-name-that-no-legend-may-cut", NASTY)
    return build_chart(ask(), table, metric=SHARE, caption="What the reader sees.")


class TestSave:
    @pytest.mark.slow
    def test_svg_is_the_same_to_the_byte(self, chart: AnyChart, tmp_path: Path) -> None:
        digests = set()
        for name in ("a.svg", "b.svg"):
            save_chart(chart, tmp_path / name)
            digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert len(digests) == 1
        svg = (tmp_path / "a.svg").read_text()
        assert "<title>Anisotropy: profile across layers</title>" in svg
        assert "What the reader sees.</desc>" in svg
        assert "<img" not in svg

    @pytest.mark.slow
    def test_html_holds_everything_and_loads_nothing(self, chart: AnyChart, tmp_path: Path) -> None:
        save_chart(chart, tmp_path / "a.html")
        page = (tmp_path / "a.html").read_text()
        assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
        assert "<title>Anisotropy: profile across layers</title>" in page
        assert not re.findall(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", page)
        assert not re.findall(r"\b(?:import|fetch|load)\s*\(\s*[\"'`]https?:", page)
        # Namespaces, schema names and a link in a message; no content network.
        hosts = set(re.findall(r"https?://([\w.-]+)", page))
        assert hosts <= {"www.w3.org", "vega.github.io", "github.com"}
        # Two scripts, each ended once: the model's name ends none.
        assert page.count("<script") == page.count("</script") == 2
        spec = re.search(r"const spec = (.*);\n", page)
        assert spec is not None
        assert json.loads(spec[1]) == spec_of(chart)
        words = html.escape(str(spec_of(chart)["description"]))
        assert f"<noscript>{words}</noscript>" in page

    @pytest.mark.slow
    def test_a_dark_chart_has_a_dark_page(self, tmp_path: Path) -> None:
        save_chart(build_chart(ask(), rows("a"), theme="dark"), tmp_path / "a.html")
        page = (tmp_path / "a.html").read_text()
        assert f"background: {DARK.background}; color: {DARK.ink};" in page
        save_chart(build_chart(ask(), rows("a"), theme="dark"), tmp_path / "a.svg")
        assert f'fill="{DARK.background}"' in (tmp_path / "a.svg").read_text()

    @pytest.mark.slow
    def test_fonts_are_inside_the_pdf(self, chart: AnyChart, tmp_path: Path) -> None:
        save_chart(chart, tmp_path / "a.pdf")
        content = (tmp_path / "a.pdf").read_bytes()
        used = set(re.findall(rb"/BaseFont /([\w+-]+)", content))
        # Regular and bold, each as the subset of letters used, which six letters and + mark.
        assert {name.split(b"+")[1] for name in used} == {
            *(b"LiberationSans", b"LiberationSans-Bold"),
        }
        assert len(re.findall(rb"/FontFile[23]? ", content)) == len(used)

    @pytest.mark.slow
    def test_a_long_title_is_whole_in_the_page(self, tmp_path: Path) -> None:
        text = f"-- title: {'word ' * 20}\n-- chart: mark=line x=depth:Q y=value:Q\nSELECT 1"
        chart = build_chart(parse_question(text, Path("q.sql")), rows("a"))
        save_chart(chart, tmp_path / "a.html")
        words = " ".join(["word"] * 20)
        assert f"<title>{words}</title>" in (tmp_path / "a.html").read_text()

    @pytest.mark.parametrize(
        ("name", "start"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF-"), ("a.JSON", b"{")]
    )
    def test_other_formats(self, chart: AnyChart, tmp_path: Path, name: str, start: bytes) -> None:
        save_chart(chart, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    @pytest.mark.parametrize("name", ["a.docx", "a"])
    def test_unknown_suffix_names_the_known(
        self, chart: AnyChart, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(UsageError, match=r"expected \.html, \.svg, \.png, \.pdf, \.json"):
            save_chart(chart, tmp_path / name)

    def test_missing_folder_and_folder_as_file(self, chart: AnyChart, tmp_path: Path) -> None:
        with pytest.raises(EmbstoreError, match=r"cannot write .*: no folder '.*'; create it"):
            save_chart(chart, tmp_path / "nowhere" / "a.json")
        (tmp_path / "b.json").mkdir()
        with pytest.raises(EmbstoreError, match="it is a folder"):
            save_chart(chart, tmp_path / "b.json")

    def test_a_full_disk_keeps_the_old_file(
        self, chart: AnyChart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.json").write_text("old")

        class Full(io.BytesIO):
            def write(self, _content: object) -> int:
                raise OSError(28, "No space left on device")

        opened = Path.open

        def full(path: Path, mode: str = "r", **options: Any) -> Any:
            if mode != "wb":
                return opened(path, mode, **options)
            path.touch()
            return Full()

        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(EmbstoreError, match=r"cannot write .*a\.json: no space left on device"):
            save_chart(chart, tmp_path / "a.json")
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
        assert (tmp_path / "a.json").read_text() == "old"

    def test_a_link_keeps_pointing_and_a_new_file_is_readable(
        self, chart: AnyChart, tmp_path: Path
    ) -> None:
        (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
        save_chart(chart, tmp_path / "link.json")
        assert (tmp_path / "link.json").is_symlink()
        mode = (tmp_path / "real.json").stat().st_mode
        (tmp_path / "plain").touch()
        assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
