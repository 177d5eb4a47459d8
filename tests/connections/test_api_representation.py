"""The representation of connections is that of the serializer's fields, and reads no row on its own."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from apps.connections.api.serializers import ConnectionSerializer
from apps.connections.models import Connection, Credential, TokenSet
from apps.teams.models import ApiKey, Membership
from tests.connections.test_rows import make_of_each_kind
from tests.factories import actor_for, make_key, make_member

pytestmark = pytest.mark.django_db
URL = "/api/v1/connections/"


@pytest.fixture
def me() -> Membership:
    """With connections of each kind, whose times and own names are set in some and empty in others."""
    member = make_member()
    make_of_each_kind(member)
    now = timezone.now().replace(microsecond=120)
    works = Connection.objects.filter(name="Works")
    works.update(last_used_at=now, external_id="x-1", tags=["a", "b"], metadata={"n": 1, "none": None}, site="EU")
    TokenSet.objects.filter(connection__in=works).update(
        expires_at=now.replace(microsecond=0), failure_count=1, last_failure="timeout", last_failure_at=now
    )
    Credential.objects.update(checked_at=now - timedelta(days=1))
    return member


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=JSONEncoder))


def test_it_is_what_the_fields_say(me: Membership) -> None:
    serializer = ConnectionSerializer(context={"actor": actor_for(me)})
    rows = list(Connection.objects.with_details().order_by("name"))
    assert len(rows) > 5
    for row in rows:
        by_fields = serializers.Serializer.to_representation(serializer, row)
        written = serializer.to_representation(row)
        assert list(written) == list(by_fields) == list(serializer.fields)
        assert as_json(written) == as_json(by_fields)


def test_a_page_of_the_list_reads_no_connection_on_its_own(me: Membership) -> None:
    _, key = make_key(me)
    browser = Client(headers={"Authorization": f"Bearer {key}"})
    browser.get(URL)
    counts = []
    for size in (1, 50):
        with CaptureQueriesContext(database) as captured:
            response = browser.get(URL, {"page_size": size})
        counts.append(len(captured))
    assert len(response.json()["results"]) > 5
    assert counts[0] == counts[1]
    one_by_one = {each["id"]: each for each in response.json()["results"]}
    for pk, listed in one_by_one.items():
        assert browser.get(f"{URL}{pk}/").json() == listed


def test_a_service_key_gets_its_own_permission(me: Membership) -> None:
    _, key = make_key(me, ApiKey.Kind.SERVICE)
    (listed,) = Client(headers={"Authorization": f"Bearer {key}"}).get(URL).json()["results"]
    assert (listed["name"], listed["permission"]) == ("Is shared", "view")
