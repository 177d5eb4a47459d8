"""The API against its own OpenAPI document: hundreds of made-up requests at the running product, and no surprise."""

import gzip
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.rest.pagination import Cursor
from apps.teams.keys import SCOPES
from tests.e2e.cast import Visitor
from tests.prepared import REPOSITORY
from tests.processes import Product, running_product

# More of them find more; time is what bounds them here. SCHEMATHESIS_EXAMPLES=200 is for a long look.
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "2")
UNLIMITED = {"API_CALLS_PER_MINUTE": "0", "API_TOKEN_CALLS_PER_MINUTE": "0", "API_WRONG_KEYS_PER_MINUTE": "0"}
MAKE_KEYS = """
import json
from tests.factories import make_key
from apps.teams.models import ApiKey, Membership
from apps.connections.models import Connection, ConnectionShare
owner = Membership.objects.get(role="owner")
for connection in Connection.objects.filter(is_shared=False):
    Connection.objects.filter(pk=connection.pk).update(is_shared=True)
    ConnectionShare.objects.create(connection=connection)
print(json.dumps({kind: make_key(owner, ApiKey.Kind(kind), days=None)[1] for kind in ("personal", "service")}))
"""
# Input is validated alike for both kinds of key: with one of them each operation gets valid input only, and less. Where
# coverage tries each field, random input finds more only with more examples.
PHASES = {
    "personal": [
        "--phases",
        "coverage,fuzzing,stateful" if int(EXAMPLES) > 2 else "coverage,stateful",
        "--max-examples",
        EXAMPLES,
    ],
    "service": [
        "--phases",
        "fuzzing,stateful",
        "--max-examples",
        str(max(int(EXAMPLES) // 2, 2)),
        "--mode",
        "positive",
    ],
}
# What UTF-8 encodes: all but surrogates; and what is another character afterwards: nothing.
UTF_8: list[list[list[int]]] = [[[0, 0xD7FF], [0xE000, 0x10FFFF]], []]
V1 = "/api/v1/"
# What a service answers through us is its own: any status.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PROXY = [f"{method} connections/{{id}}/proxy/{{path}}" for method in METHODS]
# Fields whose values a schema cannot validate: another row's ID, an address that is public.
KNOWN_TO_THE_SERVER_ONLY = [
    "POST integrations/",
    "PATCH integrations/{slug}/",
    "POST integrations/import/",
    "PUT connections/{id}/sharing/",
    *PROXY,
    "POST connections/",
    "PATCH connections/{id}/",
    "POST connect-sessions/",
    "POST webhooks/",
    "PATCH webhooks/{id}/",
    "POST webhooks/{id}/replay/",
    "POST api-keys/",
    "POST browser-tokens/",
    "POST bulk-jobs/",
    "POST api-keys/{id}/rotate/",
    "PUT integrations/{slug}/oauth-app/",
    "POST preflight/",
    "POST tokens/",
]
# The team's own OAuth apps, and the parameters of their services.
OWN_APPS = {"sandbox": ("origin",), "github": ()}
# A cursor is what the list before gave, so one that was made up is refused; these are real.
_LAST = [datetime(2999, 1, 1, tzinfo=UTC), "ffffffff-ffff-4fff-bfff-ffffffffffff"]
CURSORS: dict[str, list[Any]] = {
    "api-keys/": _LAST,
    "audit-events/": [999_999_999],
    "bulk-jobs/": _LAST,
    "bulk-jobs/{id}/results/": [0],
    "connect-sessions/": _LAST,
    "connections/": _LAST,
    "integrations/": ["a", "00000000-0000-4000-8000-000000000000"],
    "members/": [_LAST[0], 999_999_999],
    "webhooks/": _LAST,
    "webhooks/{id}/deliveries/": _LAST,
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("schemathesis")
    with running_product(folder, worker=False, beat=False, sandbox=True, env=UNLIMITED) as running:
        yield running


@pytest.mark.parametrize("kind", PHASES)
@pytest.mark.xdist_group("schemathesis")
def test_every_answer_is_as_the_document_says(product: Product, tmp_path: Path, kind: str) -> None:
    rows, keys = prepare(product)
    key = keys[kind]
    me = requests.get(f"{product.url}{V1}me/", headers=_with(key), timeout=30).json()
    assert set(me["scopes"]) == set(SCOPES)
    (tmp_path / "schemathesis.toml").write_text(settings_for(rows))
    as_json = {"Accept": "application/vnd.oai.openapi+json"}
    document = requests.get(f"{product.url}/api/schema/", headers=as_json, timeout=120)
    (tmp_path / "document.json").write_bytes(document.content)
    done = subprocess.run(
        command(product, key, PHASES[kind]),
        cwd=tmp_path,
        env=environment(product),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    logs = product.logs()
    assert "Traceback" not in logs
    own = f"{product.url}{V1}integrations/sandbox/oauth-app/"
    requests.delete(own, headers=_with(keys["personal"]), timeout=30)  # else people would connect with it
    assert unreached(document.json(), logs) == []


def unreached(document: dict[str, Any], logs: str) -> list[str]:
    """Operations that answered nothing but 404, by the access log: whatever else is promised of them was not tried."""
    operations = {
        f"{method.upper()} {path}": re.compile("^" + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$")
        for path, methods in document["paths"].items()
        if "path2" not in path
        for method in methods
        if method != "parameters"
    }
    beyond = set()
    for method, path, status in re.findall(r'"([A-Z]+) (/api/v1/\S*)" (\d{3}) ', logs):
        if status not in ("404", "405"):
            beyond |= {name for name, matches in operations.items() if name.startswith(method) and matches.match(path)}
    return sorted(operations.keys() - beyond)


def prepare(product: Product) -> tuple[dict[str, str], dict[str, str]]:
    """Rows that are really there, by the collection that they are in, and a key of each kind."""
    email, password = next(iter(product.accounts.items()))
    owner = Visitor(product, email, password)
    owner.sign_in()
    connection, _ = owner.connect()
    keys = json.loads(product.manage("shell", "-v", "0", "-c", MAKE_KEYS))
    made = {"connections": connection}
    bodies: dict[str, dict[str, Any]] = {
        "webhooks": {"url": "https://example.com/", "events": ["connection.created"]},
        "connect-sessions": {"integration": "sandbox"},
        "api-keys": {"name": "spare", "scopes": ["connections:read"], "expires_at": None},
    }
    for path, body in bodies.items():
        answer = requests.post(f"{product.url}{V1}{path}/", json=body, headers=_with(keys["personal"]), timeout=30)
        assert answer.status_code == 201, answer.text
        made[path] = answer.json()["id"]
    api = {"name": "Of the team", "base_url": "https://example.com/", "auth_type": "api_key"}
    answer = requests.post(f"{product.url}{V1}integrations/", json=api, headers=_with(keys["personal"]), timeout=30)
    assert answer.status_code == 201, answer.text
    assert product.sandbox is not None
    for slug, params in OWN_APPS.items():
        app = {"client_id": "ours", "client_secret": "s" * 32, "params": dict.fromkeys(params, product.sandbox.url)}
        address = f"{product.url}{V1}integrations/{slug}/oauth-app/"
        saved = requests.put(address, json=app, headers=_with(keys["personal"]), timeout=30)
        assert saved.status_code == 200, saved.text
    return made | {"integrations": answer.json()["slug"]}, keys


def settings_for(rows: dict[str, str]) -> str:
    """schemathesis.toml: real IDs where rows are read and used, and where a schema alone cannot say what is right."""
    # No text of the API has null characters, which a schema says only by a pattern for each string.
    lines = ["[generation]", "allow-x00 = false", ""]
    # 422: an idempotency key that was sent with another body before.
    accepted = '["2xx", "3xx", 401, 403, 404, 409, 422, 429, "5xx"]'
    lines += ["[checks.positive_data_acceptance]", f"expected-statuses = {accepted}", ""]
    # Any method is sent to the service, also those that OpenAPI cannot describe.
    any_method = "checks.unsupported_method.enabled = false"
    lines += ["[[operations]]", f'include-path = "{V1}connections/{{id}}/proxy/{{path}}"', any_method, ""]
    for path, values in CURSORS.items():
        parameters = f'cursor = "{Cursor(values, is_reverse=False).encode()}"'
        if path == "audit-events/":  # that `until` comes after `since` is beyond a schema, too
            parameters += ', since = "2020-01-01T00:00:00Z", until = "2999-01-01T00:00:00Z"'
        lines += _operation(f"GET {path}", f"parameters = {{ {parameters} }}")
    for path, row in rows.items():
        used = [f"PATCH {path}/{{id}}/", f"POST {path}/{{id}}/.*"] if path in ("connections", "webhooks") else []
        used += ["PUT connections/{id}/sharing/"] if path == "connections" else []
        for operation in [f"GET {path}/{{id}}/", *used] if path not in ("api-keys", "integrations") else []:
            lines += _operation(operation, f'parameters = {{ id = "{row}" }}')
    for operation in ("DELETE integrations/{slug}/", "PATCH integrations/{slug}/", "POST integrations/{slug}/check/"):
        lines += _operation(operation, f'parameters = {{ slug = "{rows["integrations"]}" }}')
    for method, slug in (("GET", "sandbox"), ("PUT", "sandbox"), ("DELETE", "github")):
        lines += _operation(f"{method} integrations/{{slug}}/oauth-app/", f'parameters = {{ slug = "{slug}" }}')
    lines += _operation("POST integrations/{slug}/oauth-app/test/", 'parameters = { slug = "sandbox" }')
    # The keys that it finds in the list are those it calls with: it may revoke the spare one.
    for operation in ("DELETE api-keys/{id}/", "POST api-keys/{id}/rotate/"):
        lines += _operation(operation, f'parameters = {{ id = "{rows["api-keys"]}" }}')
    expected = 'expected-statuses = ["2xx", 400, 403, 404, 409, 422, 502, 503]'
    # What was done by a job that was stopped can still be read.
    lines += _operation("GET bulk-jobs/{id}/results/", "checks.use_after_free.enabled = false")
    for operation in KNOWN_TO_THE_SERVER_ONLY:
        lines += _operation(operation, f"checks.positive_data_acceptance = {{ {expected} }}")
    return "\n".join(lines)


def _operation(name: str, setting: str) -> list[str]:
    method, _, path = name.partition(" ")
    key = "include-name-regex" if path.endswith(".*") else "include-name"
    shown = f"{method} {V1}{path}"
    if key.endswith("regex"):
        shown = shown.replace("{id}", "\\\\{id\\\\}")
    return ["[[operations]]", f'{key} = "{shown}"', setting, ""]


def command(product: Product, key: str, phases: list[str]) -> list[str]:
    program = str(Path(sys.executable).with_name("schemathesis"))
    header = f"Authorization: Bearer {key}"
    options = [*phases, "--workers", "1", "--seed", "1", "--no-color"]
    # Operations for clients that encode slashes: the view is the same.
    options += ["--exclude-path-regex", "path2"]
    return [program, "run", "document.json", "--url", product.url, "--header", header, *options]


def environment(product: Product) -> dict[str, str]:
    """With hooks that leave cases out, and one folder for Unicode's tables, which Hypothesis makes only once."""
    folder = product.var.parent / "hypothesis"
    table = folder / "unicode_data" / unicodedata.unidata_version / "codec-v2-utf-8.json.gz"
    if not table.exists():  # Hypothesis would try each character; a table that it does not know it ignores
        table.parent.mkdir(parents=True)
        table.write_bytes(gzip.compress(json.dumps(UTF_8).encode()))
    hooks = {"SCHEMATHESIS_HOOKS": "tests.e2e.coverage_cases", "PYTHONPATH": str(REPOSITORY)}
    return dict(os.environ) | hooks | {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder)}


def _with(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
