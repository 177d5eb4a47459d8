"""What changed in the API between two OpenAPI documents, and which changes break clients.

`docs/openapi.json` is the API of the last release, without texts. `python -m tests.rest.compatibility` prints what
changed since, for the changelog, and exits with 1 if a change breaks clients; with `--write` it stores the present API.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RELEASED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
# What says nothing about what a client may send and gets.
PROSE = frozenset({"description", "summary", "help", "title", "examples", "example", "contact", "license", "servers"})
MAX_DEPTH = 8


def without_prose(node: Any, *, of_names: bool = False) -> Any:
    """A document without texts for people. The keys of `properties` and the like are names of the API."""
    if isinstance(node, dict):
        named = ("properties", "paths", "schemas", "webhooks", "responses")
        return {
            key: without_prose(value, of_names=key in named)
            for key, value in sorted(node.items())
            if of_names or key not in PROSE
        }
    return [without_prose(one) for one in node] if isinstance(node, list) else node


class Comparison:
    """The changes from `before` to `after`: `breaking` ones, and `added` ones, which clients can ignore."""

    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.breaking: list[str] = []
        self.added: list[str] = []
        self._before, self._after = before, after
        new = dict(_operations(after))
        for name, operation in _operations(before):
            if name in new:
                self._operation(name, operation, new[name])
            else:
                self.breaking.append(f"{name}: removed")
        known = dict(_operations(before))
        self.added += [f"{name}: new" for name in new if name not in known]

    def _operation(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        for key in ("operationId", "x-required-scope"):
            if before.get(key) != after.get(key):
                self.breaking.append(f"{name}: {key} is {after.get(key)}, was {before.get(key)}")
        self._parameters(name, before, after)
        self._body(name, before, after)
        for status, response in before.get("responses", {}).items():
            if status.startswith("2") and status not in after.get("responses", {}):
                self.breaking.append(f"{name}: response {status} removed")
            elif status.startswith("2"):
                self._contents(f"{name} → {status}", response, after["responses"][status], is_sent=False)

    def _parameters(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        old = {(one["in"], one["name"]): one for one in before.get("parameters", [])}
        new = {(one["in"], one["name"]): one for one in after.get("parameters", [])}
        for key in old.keys() - new.keys():
            self.breaking.append(f"{name}: parameter {key[1]} removed")
        for key, parameter in new.items():
            where = f"{name}: parameter {key[1]}"
            if parameter.get("required") and not old.get(key, {}).get("required"):
                self.breaking.append(f"{where} is required")
            elif key not in old:
                self.added.append(f"{where} new")
            if key in old:
                self._schema(where, old[key].get("schema", {}), parameter.get("schema", {}), is_sent=True, depth=0)

    def _body(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        old, new = before.get("requestBody"), after.get("requestBody")
        if new and new.get("required") and not (old or {}).get("required"):
            self.breaking.append(f"{name}: the body is required")
        if old:
            self._contents(f"{name} ←", old, new or {}, is_sent=True)

    def _contents(self, where: str, before: dict[str, Any], after: dict[str, Any], *, is_sent: bool) -> None:
        for media, content in before.get("content", {}).items():
            if media not in after.get("content", {}):
                self.breaking.append(f"{where} {media} removed")
                continue
            schemas = content.get("schema", {}), after["content"][media].get("schema", {})
            self._schema(where, *schemas, is_sent=is_sent, depth=0)

    def _schema(self, where: str, before: Any, after: Any, *, is_sent: bool, depth: int) -> None:
        old, new = _resolved(self._before, before), _resolved(self._after, after)
        if depth > MAX_DEPTH or not old or not new:
            return
        self._types_and_values(where, old, new, is_sent=is_sent)
        for name, value in old.get("properties", {}).items():
            inner = f"{where}.{name}"
            if name not in new.get("properties", {}):
                self.breaking.append(f"{inner}: removed")
            else:
                self._schema(inner, value, new["properties"][name], is_sent=is_sent, depth=depth + 1)
        for name in new.get("properties", {}).keys() - old.get("properties", {}).keys():
            self.added.append(f"{where}.{name}: new")
        newly_required = set(new.get("required", [])) - set(old.get("required", []))
        no_longer = set(old.get("required", [])) - set(new.get("required", []))
        for name in sorted(newly_required if is_sent else no_longer):
            self.breaking.append(f"{where}.{name}: {'required' if is_sent else 'may be missing'} now")
        if "items" in old:
            self._schema(f"{where}[]", old["items"], new.get("items", {}), is_sent=is_sent, depth=depth + 1)

    def _types_and_values(self, where: str, old: dict[str, Any], new: dict[str, Any], *, is_sent: bool) -> None:
        types = _types(old), _types(new)
        lost = types[0] - types[1] if is_sent else types[1] - types[0]
        if lost and all(types):
            self.breaking.append(f"{where}: type is {sorted(types[1])}, was {sorted(types[0])}")
        if (
            is_sent
            and "enum" in old
            and (gone := set(map(str, old["enum"])) - set(map(str, new.get("enum", old["enum"]))))
        ):
            self.breaking.append(f"{where}: {', '.join(sorted(gone))} no longer accepted")
        for bound, is_narrower in (("maxLength", int.__lt__), ("maxItems", int.__lt__), ("maximum", int.__lt__)):
            if is_sent and bound in new and (bound not in old or is_narrower(new[bound], old[bound])):
                self.breaking.append(f"{where}: {bound} is {new[bound]}, was {old.get(bound)}")


def unnamed(added: list[str], changelog: str) -> list[str]:
    """The additions whose operation, parameter or field the changelog's chapter of unreleased changes does not name."""
    chapter = changelog.split("## [Unreleased]")[1].split("\n## [")[0]
    return [line for line in added if _name(line) not in chapter]


def _name(line: str) -> str:
    """What a line such as `GET /api/v1/usage/: parameter days new` adds: `days`; the path of a new operation."""
    where, _, what = line.rpartition(": ")
    if what.startswith("parameter "):
        return what.split()[1]
    return where.rpartition(".")[2] if "←" in where or "→" in where else where.rpartition("/api/v1/")[2]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("paths", "webhooks"):
        for path, item in document.get(kind, {}).items():
            yield from ((f"{method.upper()} {path}", item[method]) for method in METHODS if method in item)


def _resolved(document: dict[str, Any], schema: Any) -> dict[str, Any]:
    for _ in range(5):
        if isinstance(schema, dict) and len(schema.get("allOf", [])) == 1:
            schema = schema["allOf"][0]
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        schema = document["components"]["schemas"].get(schema["$ref"].rpartition("/")[2], {})
    return schema if isinstance(schema, dict) else {}


def _types(schema: dict[str, Any]) -> set[str]:
    found = schema.get("type", [])
    return {found} if isinstance(found, str) else set(found)


def released() -> dict[str, Any]:
    """The API of the last release."""
    document: dict[str, Any] = json.loads(RELEASED.read_text())
    return document


def present() -> dict[str, Any]:
    """The API as it is now."""
    from drf_spectacular.generators import SchemaGenerator

    document: dict[str, Any] = without_prose(SchemaGenerator().get_schema(public=True))
    # Operations of the proxy that differ in the number of segments only.
    document["paths"] = {path: item for path, item in document["paths"].items() if "{path2}" not in path}
    for _, operation in _operations(document):
        successes = {status: one for status, one in operation["responses"].items() if status.startswith("2")}
        operation["responses"] = successes
    return {name: document[name] for name in ("components", "paths", "webhooks")}


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    if "--write" in sys.argv:
        RELEASED.write_text(json.dumps(present(), indent=1, sort_keys=True) + "\n")
        return 0
    changes = Comparison(released(), present())
    lines = [f"BREAKING  {line}" for line in changes.breaking] + [f"added     {line}" for line in changes.added]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if changes.breaking else 0


if __name__ == "__main__":
    sys.exit(main())
