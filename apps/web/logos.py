"""Logos of services: from simplepycons (CC0), else a monogram with a color by name. Pure."""

import colorsys
import hashlib
import re
from functools import lru_cache

from simplepycons.registry import ICONS

WHITE, INK = "#ffffff", "#1b1b19"
_SVG_PATH = "{http://www.w3.org/2000/svg}path"
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")


def luminance(color: str) -> float:
    """Relative luminance (0 to 1) of `#rrggbb` (WCAG 2.2, "relative luminance")."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio (1 to 21) of two `#rrggbb` colors (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: str) -> str:
    """White or ink, whichever has more contrast on `background`."""
    return WHITE if contrast(WHITE, background) >= contrast(INK, background) else INK


@lru_cache(maxsize=1024)
def monogram_color(name: str) -> str:
    """A color derived from `name`, with a contrast of at least 4.5:1 against white."""
    digest = hashlib.sha256(name.casefold().encode()).digest()
    hue = digest[0] / 256
    saturation = 0.35 + digest[1] / 256 * 0.35
    lightness = 0.42
    while True:
        channels = colorsys.hls_to_rgb(hue, lightness, saturation)
        color = "#" + "".join(f"{round(c * 255):02x}" for c in channels)
        if contrast(WHITE, color) >= 4.5:
            return color
        lightness -= 0.02


def monogram(name: str) -> str:
    """The first letter or digit of `name` in upper case; "?" without one."""
    return next((character.upper() for character in name if character.isalnum()), "?")[:1]


@lru_cache(maxsize=1024)
def logo(slug: str) -> tuple[str, str] | None:
    """`(color, path data on a grid of 24)` of the logo with this simple-icons slug, or None."""
    factory = getattr(ICONS, f"get_{slug}_icon", None)
    if factory is None:
        return None
    icon = factory()
    path = " ".join(" ".join(element.get("d", "").split()) for element in icon.svg_tree().iter(_SVG_PATH))
    if not path or not _HEX_COLOR.match(icon.primary_color):
        return None
    return icon.primary_color.lower(), path
