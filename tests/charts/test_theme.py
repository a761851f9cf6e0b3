import itertools

import numpy as np
import pytest

from embstore.charts.theme import DARK, LIGHT, Theme, config_of, find_theme
from embstore.errors import UsageError

# Machado, Oliveira and Fernandes 2009: how linear RGB looks without one kind of cone.
DICHROMACY = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
# Linear RGB to XYZ, and the white that Lab is relative to.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of luminances, as the Web Content Accessibility Guidelines define it."""
    light, dark = sorted((float(XYZ[1] @ linear(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
class TestTheme:
    def test_words_stand_out_from_the_background(self, theme: Theme) -> None:
        # Levels AAA and AA for text.
        assert contrast(theme.ink, theme.background) >= 7
        assert contrast(theme.faint, theme.background) >= 4.5

    def test_no_colour_is_swallowed(self, theme: Theme) -> None:
        assert min(contrast(color, theme.background) for color in theme.colors) >= 2.1

    @pytest.mark.parametrize("kind", DICHROMACY)
    def test_colours_differ_to_every_eye(self, theme: Theme, kind: str) -> None:
        """A difference of 10 in Lab is plain side by side; shapes help with the rest."""
        seen = [lab(np.array(DICHROMACY[kind]) @ linear(color)) for color in theme.colors]
        least = min(
            float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2)
        )
        assert least >= 10

    def test_the_configuration_has_its_colours(self, theme: Theme) -> None:
        assert config_of(theme).background == theme.background
        assert find_theme(theme.name) is theme


def test_unknown_theme_names_the_known() -> None:
    with pytest.raises(UsageError, match="unknown chart theme 'sepia'; choose from light, dark"):
        find_theme("sepia")
