"""The catalog against facts that were collected apart from it: API hosts, revocation calls, IDs of accounts."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.recorded import toml_of

FACTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("slug", FACTS["hosts"])
def test_every_known_host_of_the_api_can_be_reached(slug: str) -> None:
    toml = toml_of(slug)
    bases = [toml["api"]["base_url"], *(host["base_url"] for host in toml.get("hosts", []))]
    for url in FACTS["hosts"][slug]:
        assert any(f"{url.rstrip('/')}/".startswith(f"{base.rstrip('/')}/") for base in bases), url


@pytest.mark.parametrize("slug", FACTS["revocation"])
def test_every_known_call_that_ends_a_grant_is_made(slug: str) -> None:
    revocation = toml_of(slug)["revocation"]
    method, url, ends = FACTS["revocation"][slug]
    assert (revocation.get("method", "POST"), revocation["url"], revocation["ends"]) == (method, url, ends)


@pytest.mark.parametrize("slug", FACTS["subject"])
def test_every_known_id_of_an_account_is_read(slug: str) -> None:
    toml = toml_of(slug)
    tables = [toml.get(name, {}) for name in ("identity", "answer_account", "account")]
    read = [table.get("subject_param") or table.get("subject_path") for table in tables]
    assert FACTS["subject"][slug] in read
