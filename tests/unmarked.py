"""Lists sentences of Python modules that are not marked for translation: `python -m tests.unmarked [PATH…]`.

A sentence is a string with two words, outside of docstrings, logs, messages for developers and operators' commands.
"""

import ast
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "apps"
_MARKS = frozenset(
    {
        "_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy",
        "now_translated",
    }
)  # fmt: skip
# Calls whose arguments developers read: in logs, tracebacks, checks and commands.
_FOR_DEVELOPERS = frozenset(
    {
        "AssertionError", "CommandError", "Error", "ImproperlyConfigured", "KeyError", "LookupError",
        "NotImplementedError", "RuntimeError", "TypeError", "ValueError", "Warning", "RuntimeWarning",
        "critical", "debug", "error", "exception", "info", "log", "warning",
    }
)  # fmt: skip
_SENTENCE = re.compile(r"(?:[^\W\d_]{2,}|\}) [^\W\d_]{2,}|[^\W\d_]{2,} \{")
# Markup, SQL and templates.
_CODE = re.compile(r"<[a-z/]|\{%|\b(?:SELECT|EXISTS|WITH|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|BEGIN) |\\b")
# Modules that no page shows, with the reason.
EXEMPT = {
    "sandbox/*": "a practice server, which is in English",
    "*/migrations/*": "they are history",
    "*/management/*": "commands are in English",
    "*/metrics.py": "programs read it",
    "*/serializers.py": "the API and its document are in English",
    "*/*_serializers.py": "the API and its document are in English",
    "*/schema.py": "the API and its document are in English",
    "*/api/*": "the API and its document are in English",
    "*/api.py": "the API and its document are in English",
    "rest/*": "the API and its document are in English",
    "web/api_reference.py": "the API and its document are in English",
    "*/checks.py": "operators read them in the console",
    "web/database_connections.py": "operators read them in the console",
    "audit/append_only.py": "statements of the database",
    "audit/database_role.py": "statements of the database, and operators read it in the console",
    "connections/models/everyones_level.py": "statements of the database",
    "sql/*": "statements of the database",
    "row_counts.py": "statements of the database",
    "vault/*": "messages for operators, in logs and in the console",
    "integrations/catalog/guide.py": "the authors of catalog files read it in the console",
    "integrations/catalog/vendor_scopes.py": "the authors of catalog files read it in the console",
    "connections/policy/access.py": "the documentation of permissions is made of it",
    "gateway/try_action/code_samples.py": "programs",
    "notifications/slack.py": "a channel has no language",
}
# What is no text for people on pages: by module, with the reason.
EXEMPT_TEXTS = {
    "connections/services/attention_mail.py": ("{} UTC", "a time"),
    "connections/services/attention_details.py": ("HTTP {}", "a status"),
    "connections/views/cards.py": ("refused {}", "a state, which a script compares"),
    "gateway/try_action/response_view.py": ("unexpected end of data", "Python says so"),
    "integrations/catalog/entries.py": (
        "a built-in service has this name; rename the file in CATALOG_DIR", "operators read it in the console",
    ),
    "integrations/custom_apis/services/registration.py": ("Specway Connections", "the name of the product"),
    "integrations/keys.py": ("Basic {}", "the value of a header"),
    "oauth/provider.py": ("Authorization: Bearer {access_token}", "the value of a header"),
    "teams/account_signals.py": ("second factor", "a value in the audit log"),
    "teams/actor.py": ("{} (key {})", "names"),
    "teams/authentication.py": ('Bearer realm="Specway"', "the value of a header"),
    "web/audit_log.py": ("JSON Lines", "the name of a format"),
    "web/problems.py": (
        'Bearer realm="Specway"', "The body is too large", "Scope missing", "Malformed request", "Too many requests",
        "Not authenticated", "Invalid request", "No team", "Check these fields: {}.",
        "Something went wrong in Specway. The error has been logged.",
        "Specway cannot store anything right now, so nothing was done. Try again in a moment.",
        "problem documents are in English",
    ),
    "web/templatetags/specway.py": ("Mac OS X", "the name of a system"),
}  # fmt: skip


def unmarked(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and sentences of the module that are not marked for translation."""
    tree = ast.parse(path.read_text())
    exempt = EXEMPT_TEXTS.get(str(path.relative_to(APPS)), ()) if path.is_relative_to(APPS) else ()
    skipped = {id(each) for node in ast.walk(tree) for root in _not_shown(node) for each in ast.walk(root)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        text = _text(node)
        if _SENTENCE.search(text) and not _CODE.search(text) and text not in exempt:
            yield node.lineno, " ".join(text.split())  # type: ignore[attr-defined]


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of the node whose strings are marked, or are not for people on pages."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        if ast.get_docstring(node, clean=False) is not None:
            yield node.body[0]
        if isinstance(node, ast.FunctionDef) and node.name in ("__str__", "__repr__"):
            yield node
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        is_message = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "messages"
        if name in _MARKS or (name in _FOR_DEVELOPERS and not is_message):
            yield node
    elif isinstance(node, ast.JoinedStr):
        yield from (part for part in node.values if isinstance(part, ast.Constant))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def modules() -> Iterator[Path]:
    """The modules of the product, without the exempt ones."""
    for path in sorted(APPS.rglob("*.py")):
        if not any(fnmatch(str(path.relative_to(APPS)), pattern) for pattern in EXEMPT):
            yield path


def main() -> int:
    """Print the sentences; 1 if there are any."""
    count = 0
    for path in [Path(name) for name in sys.argv[1:]] or modules():
        for line, text in unmarked(path):
            count += 1
            sys.stdout.write(f"{path}:{line}: {text}\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
