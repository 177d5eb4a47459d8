"""Finds the audit actions in the source code."""

import ast
import gc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

APPS = Path(__file__).resolve().parents[2] / "apps"
_DOTTED = re.compile(r"[a-z_]+\.[a-z_]*")


@cache
def recorded_actions() -> dict[str, str]:
    """Each action that any package records, with a file that does so. One ending in "." is completed at run time."""
    found = {}
    for path in sorted(APPS.rglob("*.py")):
        for action in _named_in(_parsed(path)):
            found[action] = str(path.relative_to(APPS))
    return found


def _parsed(path: Path) -> ast.Module:
    """The syntax tree. Up to CPython 3.11.7 all threads share one count of its depth, which a garbage collection in
    the middle spoils (SystemError, https://github.com/python/cpython/issues/106905): so none happens meanwhile.
    """
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def _named_in(tree: ast.AST) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        named = [keyword.value for keyword in call.keywords if keyword.arg == "action" and name != "add_argument"]
        # Packages wrap `record()` in functions of their own, which may take the action by position.
        first = call.args[:1] if "record" in name else []
        for leaf in (leaf for value in named + first for leaf in ast.walk(value)):
            if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and _is_action(leaf.value):
                yield leaf.value


def _is_action(text: str) -> bool:
    return text == "logout" or bool(_DOTTED.fullmatch(text))
