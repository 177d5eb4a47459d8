"""Only egress connects: nothing in the product but `apps/egress` opens an outbound connection."""

import ast
from functools import cache
from pathlib import Path

APPS = Path(__file__).resolve().parents[1] / "apps"
# Modules that open connections. `requests` itself is imported for its types and exceptions: see below.
WAYS = {"socket", "http.client", "urllib.request", "urllib3", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib"}
# Redis, the vault's key backends and the sandbox (an app of its own) are no destinations that a person names.
APART = ("egress/", "sandbox/")
CALLS = {"get", "post", "put", "patch", "delete", "head", "request", "Session", "session"}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    paths = [path for path in sorted(APPS.rglob("*.py")) if not str(path.relative_to(APPS)).startswith(APART)]
    return [(str(path.relative_to(APPS)), ast.parse(path.read_text())) for path in paths]


@cache
def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def calls_requests(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "requests"
        and node.func.attr in CALLS
        for node in ast.walk(tree)
    )


def test_no_module_but_egress_opens_connections() -> None:
    assert {file: imported(tree) & WAYS for file, tree in modules() if imported(tree) & WAYS} == {}


def test_no_module_but_egress_calls_requests_by_itself() -> None:
    assert [file for file, tree in modules() if calls_requests(tree)] == []


def test_the_search_would_find_one() -> None:
    tree = ast.parse("import urllib.request\nimport requests\nrequests.get('https://example.com')")
    assert imported(tree) & WAYS == {"urllib.request"}
    assert calls_requests(tree)
