"""Lists texts of templates that are not marked for translation: `python -m tests.translations [PATH…]`.

Looked at are text between tags and the attributes that people read. Exempt are the contents of `code`, `pre`, `script`
and `style`, comments, and what the allowlist names.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
READ = frozenset(
    {"alt", "aria-description", "aria-label", "aria-roledescription", "aria-valuetext", "placeholder", "title"}
)
NOT_READ = frozenset({"code", "pre", "script", "style", "kbd", "samp"})
# Tags of templates whose quoted arguments people read.
_WITH_LABELS = re.compile(
    r"""\b(?:label|hint|aside|title|text|reason|empty|confirm|heading|action_label)=(["'])(?P<text>.*?)\1"""
)
_STATUS = re.compile(r"""^status\s+\S+\s+(["'])(?P<text>.*?)\1""")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
# Blocks that hold names for the style sheet or the navigation.
_NAMES = re.compile(r"block (nav|contentclass|bodyclass|coltype)\b")
# Names, and what is the same in each language.
WORDS = frozenset(
    {
        # names of products, formats and protocols
        "specway", "oauth", "api", "url", "json", "http", "https", "utc", "yaml", "csv", "openapi", "html", "curl",
        "python", "spw", "typescript", "javascript", "github", "slack", "google", "github.com", "id", "ids", "jwt",
        # units and symbols
        "ms", "min", "px", "kb", "mb",
    }
)  # fmt: skip
# Templates that are not in the person's language, with the reason.
EXEMPT = {
    "allauth/elements/button.html": "conditions assemble one tag, whose text is a block of other templates",
    "web/llms.txt": "language models read it; the API and its documents are in English",
}


class _Texts(HTMLParser):
    """Collects text and read attributes of a page in which each tag is one private character."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in NOT_READ
        for name, value in attrs:
            if value and name in READ:
                self.found.append((self.getpos()[0], value))
            if value and tag == "meta" and name == "content" and ("name", "description") in attrs:
                self.found.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in NOT_READ and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            line = self.getpos()[0]
            for offset, text in enumerate(data.split("\n")):
                self.found.append((line + offset, text))


def untranslated(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and texts of the template that are not marked for translation."""
    source = path.read_text()
    page, arguments = _without_tags(source)
    if path.suffix == ".html":
        parser = _Texts()
        parser.feed(page)
        parser.close()
        texts = parser.found
    else:
        texts = list(enumerate(page.split("\n"), 1))
    for line, text in sorted([*texts, *arguments]):
        if any(word.casefold() not in WORDS for word in _LETTERS.findall(text.replace("\ufffc", " "))):
            yield line, " ".join(text.replace("\ufffc", "…").split())


def _without_tags(source: str) -> tuple[str, list[tuple[int, str]]]:
    """The source with one private character for each tag, and the texts among the arguments of tags.

    Blocks that are translated, and comments, become empty lines, so that the numbers of lines stay.
    """
    parts: list[str] = []
    arguments: list[tuple[int, str]] = []
    skipped_until = ""
    for token in Lexer(source).tokenize():
        lines = "\n" * token.contents.count("\n")
        if skipped_until:
            if token.token_type == TokenType.BLOCK and token.contents == skipped_until:
                skipped_until = ""
            parts.append(lines)
            continue
        if token.token_type == TokenType.TEXT:
            parts.append(token.contents)
            continue
        if token.token_type == TokenType.BLOCK:
            name = token.contents.split(maxsplit=1)[0]
            if name in ("blocktranslate", "comment", "verbatim"):
                skipped_until = f"end{name}"
            elif _NAMES.match(token.contents):
                skipped_until = "endblock"
            elif name != "translate":
                arguments += [(token.lineno or 0, found) for found in _arguments(token.contents)]
        parts.append("\ufffc" + lines)
    return "".join(parts), arguments


def _arguments(contents: str) -> Iterator[str]:
    for pattern in (_WITH_LABELS, _STATUS):
        for match in pattern.finditer(contents):
            yield match["text"]


def templates(paths: list[Path]) -> Iterator[Path]:
    """The templates in these files and folders, without the exempt ones."""
    for path in paths:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for each in found:
            resolved = each.resolve()
            name = str(resolved.relative_to(TEMPLATES)) if resolved.is_relative_to(TEMPLATES) else ""
            if each.is_file() and each.suffix in (".html", ".txt") and name not in EXEMPT:
                yield each


def main() -> int:
    """Print the texts; 1 if there are any."""
    paths = [Path(name) for name in sys.argv[1:]] or [TEMPLATES]
    count = 0
    for path in templates(paths):
        for line, text in untranslated(path):
            count += 1
            sys.stdout.write(f"{path}:{line}: {text}\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
