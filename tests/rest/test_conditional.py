"""`ETag`, `If-None-Match` and gzip of what the API reads."""

import gzip
from typing import Any

import pytest
from django.test import Client

from apps.connections.models import Connection
from apps.teams.models import Membership
from tests.connections.pages import make_connection, set_up_service
from tests.factories import client_for, make_key, make_member

pytestmark = pytest.mark.django_db
LIST = "/api/v1/connections/"


@pytest.fixture
def owner() -> Membership:
    return make_member()


@pytest.fixture
def connection(owner: Membership) -> Connection:
    return make_connection(owner, set_up_service(), "Deliveries")


def get(owner: Membership, path: str = LIST, **headers: str) -> Any:
    _, text = make_key(owner)
    return Client().get(path, headers={"Authorization": f"Bearer {text}", **headers})


def test_unchanged_lists_and_rows_are_304_without_a_body(owner: Membership, connection: Connection) -> None:
    for path in (LIST, f"{LIST}{connection.pk}/", "/api/schema/"):
        first = get(owner, path)
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in first.headers["Vary"]
        again = get(owner, path, **{"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)


def test_a_change_gives_the_new_state_and_another_tag(owner: Membership, connection: Connection) -> None:
    tag = get(owner).headers["ETag"]
    Connection.objects.update(name="Renamed")
    changed = get(owner, **{"If-None-Match": tag})
    assert (changed.status_code, changed.json()["results"][0]["name"]) == (200, "Renamed")
    assert changed.headers["ETag"] != tag


def test_the_tag_of_another_caller_says_nothing_about_ones_own_list(owner: Membership, connection: Connection) -> None:
    tag = get(owner).headers["ETag"]
    other = make_member(owner.team)
    assert get(other, **{"If-None-Match": tag}).status_code == 200


def test_what_is_not_stored_and_what_fails_has_no_tag(owner: Membership, connection: Connection) -> None:
    _, text = make_key(owner)
    token = Client().post(
        f"{LIST}{connection.pk}/token/", content_type="application/json", headers={"Authorization": f"Bearer {text}"}
    )
    assert token.headers["Cache-Control"] == "no-store"
    assert "ETag" not in token.headers
    assert "ETag" not in Client().get(LIST).headers
    assert Client().get(LIST, headers={"If-None-Match": "*"}).status_code == 401


def test_programs_get_long_responses_compressed_and_browsers_do_not(owner: Membership, connection: Connection) -> None:
    packed = get(owner, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"Deliveries" in gzip.decompress(packed.content)
    assert get(owner, **{"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}).status_code == 304
    browser = client_for(owner).get(LIST, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in browser.headers
    _, text = make_key(owner)
    headers = {"Authorization": f"Bearer {text}", "Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in Client().post(f"{LIST}{connection.pk}/token/", headers=headers).headers
