"""Pages are compressed, except those that can hold a secret; static files get hashed names and compressed copies."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.teams.models import Role
from apps.web.middleware import CompressionMiddleware
from tests import factories

GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def owner(db: None) -> Client:
    return factories.client_for(factories.make_member(role=Role.OWNER))


def test_a_page_is_compressed_and_says_what_it_depends_on(owner: Client) -> None:
    response = owner.get(reverse("web:account"), headers=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["Vary"]
    assert b"<h1>Account</h1>" in gzip.decompress(response.content)


def test_a_browser_that_does_not_ask_for_it_gets_the_page_as_it_is(owner: Client) -> None:
    assert "Content-Encoding" not in owner.get(reverse("web:account")).headers


@pytest.mark.parametrize(
    "name", ["teams:api_keys", "teams:members", "notifications:webhooks", "gateway:try", "account_login", "mfa_index"]
)
def test_pages_that_can_display_a_secret_are_not_compressed(owner: Client, name: str) -> None:
    response = owner.get(reverse(name), headers=GZIP)
    assert "Content-Encoding" not in response.headers


def test_the_api_reference_is_compressed_and_small(owner: Client) -> None:
    for query in ({}, {"operation": "webhooks_create"}):
        response = owner.get(reverse("api:docs"), query, headers=GZIP)
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(response.content) < 20_000
    for path in (reverse("api:connections"), reverse("api:me")):
        assert "Content-Encoding" not in owner.get(path, headers=GZIP).headers


def test_each_prefix_without_compression_belongs_to_a_page() -> None:
    routes = {reverse(name) for name in ("teams:api_keys", "teams:members", "notifications:webhooks", "gateway:try")}
    assert all(route.startswith(CompressionMiddleware.NOT_COMPRESSED) for route in routes)


def test_collected_files_have_hashed_names_compressed_copies_and_rewritten_imports(
    tmp_path: Path, settings: Any
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "config.static.HashedStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert list(tmp_path.glob("specway.*.css.gz"))
    [connect] = tmp_path.glob("js/connect.*.js")
    [app] = tmp_path.glob("js/app.*.js")
    assert f'"./{app.name}"' in connect.read_text()
