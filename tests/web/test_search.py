"""Search everything: what it finds, and for whom."""

import pytest
from django.urls import reverse

from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import client_for, make_member

pytestmark = pytest.mark.django_db


def found(membership: Membership, text: str = "") -> dict[str, list[str]]:
    groups = client_for(membership).get(reverse("web:search"), {"q": text}).json()["groups"]
    return {group["title"]: [item["label"] for item in group["items"]] for group in groups}


def test_connections_services_and_help_are_found() -> None:
    mara, service = make_member(), set_up_service()
    make_connection(mara, service, "Warehouse")
    assert found(mara, "ware sandbox")["Connections"] == ["Warehouse · Sandbox"]
    assert found(mara, "sandbox")["Services"] == ["Sandbox"]
    assert found(mara, "no such thing anywhere") == {}
    assert "Help" in found(mara, "expired")


def test_connections_of_others_are_not_found() -> None:
    mara, service = make_member(), set_up_service()
    connection = make_connection(mara, service, "Warehouse")
    ines = make_member(mara.team)
    assert "Connections" not in found(ines, "warehouse")
    share(connection)
    assert "Connections" in found(ines, "warehouse")


def test_without_words_the_pages_are_listed() -> None:
    member = make_member()
    admin = make_member(member.team, Role.ADMIN)
    assert "Webhooks" not in found(member)["Pages"]
    assert "Webhooks" in found(admin)["Pages"]
