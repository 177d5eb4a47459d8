"""Logos of services: from simplepycons (CC0), else a monogram with a color by name."""

import colorsys
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.integrations.catalog.entries import catalog

# Color and path by slug; None for a slug without a logo.
Logos = dict[str, list[str] | None]

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
    """`(color, path data on a grid of 24)` of the logo with this simple-icons slug, or None.

    The package has a Python module for each of its 3,000 logos, and imports them all. So those of the catalog are read
    from a file, which the first process writes.
    """
    found = _stored()
    if slug not in found:
        found |= from_package({slug} | ({entry.icon for entry in catalog().values() if entry.icon} - set(found)))
        _store(found)
    known = found[slug]
    return (known[0], known[1]) if known else None


def from_package(slugs: Iterable[str]) -> Logos:
    """The logos with these slugs; None for those that the package does not have."""
    from simplepycons.registry import ICONS  # takes longer than all other imports together

    return {slug: _drawn(getattr(ICONS, f"get_{slug}_icon", None)) for slug in slugs}


def _drawn(factory: Callable[[], Any] | None) -> list[str] | None:
    if factory is None:
        return None
    icon = factory()
    path = " ".join(" ".join(element.get("d", "").split()) for element in icon.svg_tree().iter(_SVG_PATH))
    if not path or not _HEX_COLOR.match(icon.primary_color):
        return None
    return [icon.primary_color.lower(), path]


def _file() -> Path:
    """A new version of the package has a file of its own."""
    return Path(settings.VAR_DIR) / "cache" / f"logos-{version('simplepycons')}.json"


@cache
def _stored() -> Logos:
    try:
        stored: Logos = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _store(logos: Logos) -> None:
    """Replace the file in one step. Without it, the next process reads the package again."""
    with suppress(OSError):
        _file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = _file().with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(logos))
        written.replace(_file())
