"""The catalog against facts that were collected apart from it: API hosts, revocation calls, IDs of accounts."""

import tomllib
from pathlib import Path
from typing import Any

from tests.integrations.recorded import toml_of

FACTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))


def test_every_known_host_of_the_api_can_be_reached() -> None:
    for slug, urls in FACTS["hosts"].items():
        toml = toml_of(slug)
        bases = [toml["api"]["base_url"], *(host["base_url"] for host in toml.get("hosts", []))]
        for url in urls:
            assert any(f"{url.rstrip('/')}/".startswith(f"{base.rstrip('/')}/") for base in bases), (slug, url)


def test_every_known_call_that_ends_a_grant_is_made() -> None:
    for slug, (method, url, ends) in FACTS["revocation"].items():
        revocation = toml_of(slug)["revocation"]
        assert (revocation.get("method", "POST"), revocation["url"], revocation["ends"]) == (method, url, ends), slug


def test_every_known_id_of_an_account_is_read() -> None:
    for slug, subject in FACTS["subject"].items():
        toml = toml_of(slug)
        tables = [toml.get(name, {}) for name in ("identity", "answer_account", "account")]
        assert subject in [table.get("subject_param") or table.get("subject_path") for table in tables], slug
