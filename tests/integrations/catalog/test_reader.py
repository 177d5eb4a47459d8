"""What a provider's file must not say, and how the refusal names file and key."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from apps.integrations.catalog import checks, entries
from apps.integrations.catalog.entries import PROVIDERS_DIR, catalog
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.reader import read_provider

VALID = """
name = "Acme"
category = "crm"
description = "Accounts and deals"
kind = "oauth2"

[links]
docs_url = "https://docs.acme.example/oauth"

[metadata]
checked = "vendor"
evidence = ["https://docs.acme.example/oauth"]

[oauth2]
authorization_url = "https://{sub}.acme.example/authorize"
token_url = "https://{sub}.acme.example/token"
token_endpoint_auth_method = "client_secret_basic"
scope_separator = ","

[account]
method = "GET"
url = "https://{sub}.acme.example/me"
subject_path = "id"
label_path = "name"

[api]
base_url = "https://{sub}.acme.example/v1"

[[scopes]]
name = "read"
description = "Read it"
access = "read"
default = true

[[params]]
name = "sub"
label = "Subdomain"
pattern = "[a-z0-9-]+"
example = "fernhill"
source = "user"
"""


def written(folder: Path, text: str, name: str = "acme.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_valid_file_becomes_an_entry_named_after_the_file(tmp_path: Path) -> None:
    entry = read_provider(written(tmp_path, VALID))
    assert (entry.slug, entry.default_scopes, entry.params[0].source) == ("acme", ("read",), "user")


@pytest.mark.parametrize(
    ("before", "after", "key", "problem"),
    [
        ('name = "Acme"\n', 'name = "Acme"\ncolor = "red"\n', "color", "unknown key"),
        ("[oauth2]\n", "[oauth2]\npkse = true\n", "oauth2.pkse", "unknown key"),
        ('access = "read"\n', 'access = "read"\nrisk = 1\n', "scopes[0].risk", "unknown key"),
        ('name = "Acme"\n', "name = 7\n", "name", "must be a string"),
        ("[oauth2]\n", '[oauth2]\npkce = "yes"\n', "oauth2.pkce", "must be true or false"),
        ("[oauth2]\n", "[oauth2]\niss_required = 1\n", "oauth2.iss_required", "must be true or false"),
        (
            "[account]",
            "[oauth2.refresh]\ndefault_expires_in = true\n[account]",
            "oauth2.refresh.default_expires_in",
            "an integer",
        ),
        (
            "[oauth2]\n",
            "[oauth2]\nauthorization_params = { a = 1 }\n",
            "oauth2.authorization_params.a",
            "must be a string",
        ),
        ("[oauth2]\n", "[oauth2]\nkeep = [1]\n", "oauth2.keep[0]", "must be a string"),
        ("[oauth2]\n", '[oauth2]\nkeep = "team"\n', "oauth2.keep", "must be a list"),
        ('[account]\nmethod = "GET"\n', "[account]\n", "account.method", "is missing"),
        ('description = "Accounts and deals"\n', "", "description", "is missing"),
        ('category = "crm"', 'category = "fun"', "category", "must be one of"),
        ('access = "read"', 'access = "full"', "scopes[0].access", "must be one of"),
        ('source = "user"', 'source = "guess"', "params[0].source", "must be one of"),
        ("acme.example/token", "acme.example/{tenant}/token", "oauth2.token_url", "{tenant} is not declared"),
        ("https://{sub}.acme.example/me", "http://{sub}.acme.example/me", "account.url", "https"),
        ("https://{sub}.acme.example/me", "https://me@acme.example/me", "account.url", "without a user name"),
        ("https://{sub}.acme.example/me", "https://acme.example/me#now", "account.url", "fragment"),
        ("https://{sub}.acme.example/me", "https://{sub}{x}/me", "account.url", "{x} is not declared"),
        ('"https://docs.acme.example/oauth"]', '"see the docs"]', "metadata.evidence[0]", "https"),
        ('pattern = "[a-z0-9-]+"', 'pattern = "[a-z"', "params[0].pattern", "not a regular expression"),
        ('pattern = "[a-z0-9-]+"', 'pattern = ".+"', "params[0].pattern", "accepts"),
        ('pattern = "[a-z0-9-]+"', 'pattern = "[^/]+"', "params[0].pattern", "accepts"),
        ('example = "fernhill"', 'example = "Fern Hill"', "params[0].example", "does not match"),
        ('source = "user"', 'source = "user"\ndefault = "A"', "params[0].default", "does not match"),
        ('name = "read"', 'name = "read,write"', "scopes[0].name", "separator"),
        ('access = "read"', 'access = "read"\nincluded_in = ["all"]', "scopes[0].included_in", "all is not listed"),
        ("[oauth2]\n", "[oauth2]\niss_required = true\n", "oauth2.issuer", "is missing"),
        ("[api]\n", '[api]\nheaders = { X-Site = "{site}" }\n', "api.headers.X-Site", "{site} is not declared"),
        ("[api]\n", '[api]\nquery = { t = "{access_token}" }\n', "api.query.t", "{access_token} is not declared"),
        ("[oauth2]\n", '[oauth2]\nauthorization_params = { a = "{b}" }\n', "oauth2.authorization_params.a", "{b}"),
        ("[oauth2]\n", '[oauth2]\ntoken_params = { a = "{random}" }\n', "oauth2.token_params.a", "{random}"),
        ('name = "read"', 'name = "{site}/all"', "scopes.{site}/all", "{site} is not declared"),
        (
            "[api]\n",
            '[placement]\nurl = "https://a.example"\nvalues = { site = "id" }\n[api]\n',
            "placement.values.site",
            "post_connect",
        ),
        ('source = "user"', 'source = "user"\nextract = "a"', "params[0].extract", "exactly one group"),
        ('subject_path = "id"', 'subject_path = "a..id"', "account.subject_path", "must be a path"),
        ('label_path = "name"', "label_path = 'a[\"x'", "account.label_path", "must be a path"),
        ('label_path = "name"', 'label_url = "https://x.example/{id}"', "account.label_url", "{id} is not declared"),
        ("[api]\n", '[api]\nended_token = [{ values = ["602"] }]\n', "api.ended_token[0]", "statuses or a path"),
        ("[api]\n", '[api]\nended_token = [{ path = "a." }]\n', "api.ended_token[0].path", "must be a path"),
        ('source = "user"', 'source = "user"\nextract = "("', "params[0].extract", "not a regular expression"),
        ('evidence = ["https://docs.acme.example/oauth"]', "", "metadata.evidence", "must name the vendor's pages"),
    ],
)
def test_a_file_that_violates_the_schema_is_rejected_with_file_and_key(
    tmp_path: Path, before: str, after: str, key: str, problem: str
) -> None:
    assert VALID.count(before) >= 1
    with pytest.raises(CatalogError) as refused:
        read_provider(written(tmp_path, VALID.replace(before, after)))
    assert str(refused.value).startswith(f"acme.toml: {key}: ")
    assert problem in str(refused.value)


FREE = VALID.replace("https://{sub}.acme.example", "https://{sub}").replace("[a-z0-9-]+", "[a-z0-9.-]+")


@pytest.mark.parametrize("source", ["user", "token_response", "callback", "post_connect"])
def test_users_and_responses_cannot_choose_an_arbitrary_host(tmp_path: Path, source: str) -> None:
    text = FREE.replace('source = "user"', f'source = "{source}"')
    with pytest.raises(
        CatalogError, match=r"params\[0\]\.pattern: accepts 'evil.example': limit it to the service's domains"
    ):
        read_provider(written(tmp_path, text))
    named = text.replace("[a-z0-9.-]+", r"([a-z]+\\.)+acme\\.example").replace("fernhill", "eu.acme.example")
    assert read_provider(written(tmp_path, named)).params[0].source == source


def test_the_end_of_a_host_is_a_list_of_domains_too(tmp_path: Path) -> None:
    text = VALID.replace("{sub}.acme.example", "acme.{sub}")
    with pytest.raises(CatalogError, match="accepts 'zip'"):
        read_provider(written(tmp_path, text))


def test_a_host_with_source_client_may_be_arbitrary(tmp_path: Path) -> None:
    assert read_provider(written(tmp_path, FREE.replace('source = "user"', 'source = "client"')))


def test_a_scope_listed_twice_is_refused(tmp_path: Path) -> None:
    twice = VALID + '\n[[scopes]]\nname = "read"\ndescription = "Again"\naccess = "read"\n'
    with pytest.raises(CatalogError, match=r"scopes\[1\]\.name: read is listed twice"):
        read_provider(written(tmp_path, twice))


@pytest.mark.parametrize("name", ["Acme.toml", "a_b.toml", "acme-.toml"])
def test_a_file_whose_name_is_not_a_slug_is_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match="must be a slug"):
        read_provider(written(tmp_path, VALID, name))


def test_invalid_toml_is_rejected_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"acme\.toml: not valid TOML .*line 2"):
        read_provider(written(tmp_path, 'name = "a"\nname\nkind = "oauth2"'))


def test_the_system_check_names_every_file_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROVIDERS_DIR, tmp_path, dirs_exist_ok=True)
    written(tmp_path, VALID.replace('kind = "oauth2"', 'kind = "oauth3"'))
    written(tmp_path, "", "empty.toml")
    monkeypatch.setattr(entries, "PROVIDERS_DIR", tmp_path)
    errors = checks.built_in_catalog_is_valid(None)
    assert [error.msg.partition(": ")[0] for error in errors] == ["acme.toml", "empty.toml"]
    assert {error.id for error in errors} == {"integrations.E001"}


def test_the_catalog_that_ships_is_valid() -> None:
    assert checks.built_in_catalog_is_valid(None) == []
    assert set(catalog()) >= {"github", "google-drive", "slack", "notion", "microsoft-graph", "sandbox"}


# Where a connection is of use without any permission, or only the person can say which product it is for.
NOTHING_SUGGESTED = ("freshworks", "tremendous")


def test_each_service_has_short_texts_and_no_admin_scope_by_default() -> None:
    for slug, entry in catalog().items():
        assert len(entry.description) <= 34, slug
        assert all(scope.access != "admin" for scope in entry.scopes if scope.default), slug
        assert entry.default_scopes or not entry.scopes or slug in NOTHING_SUGGESTED, slug
        assert all(not scope.description.endswith(".") and len(scope.description) <= 60 for scope in entry.scopes), slug


@pytest.mark.parametrize(
    ("extra", "key", "problem"),
    [
        ('\n[identity]\nsubject_param = "shop"\n', "identity.subject_param", "is not declared"),
        ('\n[identity]\nunknown = "No call."\n', "identity.unknown", "contradicts"),
        (
            '\n[[hosts]]\nname = "Up"\nbase_url = "https://up.acme.example"\nlabel = "Up"\n',
            "hosts[0].name",
            "lowercase",
        ),
        ('\n[[hosts]]\nname = "up"\nbase_url = "http://up.acme.example"\nlabel = "Up"\n', "hosts.up", "https"),
        ('\n[[hosts]]\nname = "up"\nbase_url = "https://{x}.example"\nlabel = "Up"\n', "hosts.up", "{x}"),
    ],
)
def test_identity_and_hosts_are_validated(tmp_path: Path, extra: str, key: str, problem: str) -> None:
    with pytest.raises(CatalogError, match=problem) as refused:
        read_provider(written(tmp_path, VALID + extra))
    assert refused.value.key == key


def test_an_entry_without_a_stable_account_id_identifies_no_account(tmp_path: Path) -> None:
    assert read_provider(written(tmp_path, VALID)).identifies_account
    text = VALID.replace('subject_path = "id"', 'subject_path = ""')
    assert not read_provider(written(tmp_path, text)).identifies_account


def test_every_service_identifies_its_accounts_or_says_why_it_cannot() -> None:
    for entry in catalog().values():
        if entry.kind == "oauth2":
            assert entry.identifies_account != bool(entry.identity.unknown), entry.slug


def test_a_scope_at_an_undeclared_host_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"scopes\[0\]\.host: up is not listed"):
        read_provider(written(tmp_path, VALID.replace('access = "read"', 'access = "read"\nhost = "up"')))


def test_files_of_the_operator_are_added_to_the_catalog_and_checked(tmp_path: Path, settings: Any) -> None:
    settings.CATALOG_DIR = str(tmp_path)
    written(tmp_path, VALID)
    catalog.cache_clear()
    try:
        assert catalog()["acme"].name == "Acme"
        assert "github" in catalog()
        assert checks.catalog_is_valid(None) == []
        written(tmp_path, "name = 5", "broken.toml")
        assert [error.id for error in checks.catalog_is_valid(None)] == ["integrations.E001"]
    finally:
        catalog.cache_clear()


def test_a_file_of_the_operator_cannot_replace_a_built_in_service(tmp_path: Path, settings: Any) -> None:
    settings.CATALOG_DIR = str(tmp_path)
    written(tmp_path, VALID, "github.toml")
    [error] = checks.catalog_is_valid(None)
    assert "a built-in service has this name" in error.msg


def test_a_catalog_folder_that_does_not_exist_is_reported(tmp_path: Path, settings: Any) -> None:
    settings.CATALOG_DIR = str(tmp_path / "nowhere")
    assert [error.id for error in checks.catalog_is_valid(None)] == ["integrations.E002"]
