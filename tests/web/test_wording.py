"""Pages, mails and messages are in plain English; phrases that were corrected do not come back."""

import ast
import html
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUFFIXES = {".html", ".txt", ".js", ".py"}
# Phrases that a native technical writer would not write, as they once were on pages; matched anywhere, in lower case.
PHRASES = (
    "a server that lies",
    "advanced: where the catalog",
    "another host asks for",
    "another one is registered",
    "asked for now",
    "asks for it again",
    "ask for it again",
    "can read them back",
    "could not be asked",
    "does not like the request",
    "enter it again to try once more",
    "if you like.",
    "last here",
    "lets nobody",
    "make key",
    "nobody sees",
    "no service fits",
    "nothing but how",
    "nothing says that",
    "one that does stands here",
    "public, with https",
    "secret ends on",
    "that you let in",
    "tick those who",
    "what needs a person",
    "what one may not see",
    "whatever answers",
    "whoever has another level",
    "will stand here",
    "word before the key",
)
COLON_AND_CAPITAL = re.compile(r"[a-z’]: (?!Specway\b|Bearer\b)[A-Z][a-z]")


def texts() -> dict[str, str]:
    """The text of all templates and scripts, and the strings of all modules, by path, each in one line."""
    folders = [ROOT / "templates", ROOT / "static", *sorted((ROOT / "apps").iterdir())]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES]
    return {
        str(path.relative_to(ROOT)): " ".join(html.unescape(text_of(path)).split())
        for path in paths
        if "migrations" not in path.parts
    }


def text_of(path: Path) -> str:
    """The whole file, or, of a module, its strings without docstrings."""
    if path.suffix != ".py":
        return path.read_text()
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return " | ".join(str(node.value) for node in strings if id(node) not in docstrings)


def test_corrected_phrases_do_not_come_back() -> None:
    lower = {path: text.lower() for path, text in texts().items()}
    found = {path: [phrase for phrase in PHRASES if phrase in text] for path, text in lower.items()}
    assert {path: phrases for path, phrases in found.items() if phrases} == {}


def test_no_capital_letter_follows_a_colon_inside_a_sentence_of_a_page() -> None:
    found = {}
    for path in (ROOT / "templates").rglob("*.html"):
        text = re.sub(r"{%.*?%}|{#.*?#}|<style.*?</style>|<[^>]+>", "", path.read_text(), flags=re.DOTALL)
        if hits := COLON_AND_CAPITAL.findall(text):
            found[path.name] = hits
    assert found == {}
