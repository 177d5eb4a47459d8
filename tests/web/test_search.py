"""Search everything: what it finds, and for whom."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.teams.models import Membership, Role, User
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import client_for, make_member, make_user

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


def test_a_connected_service_offers_what_one_can_do_with_it() -> None:
    mara, service = make_member(), set_up_service()
    assert "Actions" not in found(mara, "sandbox")
    make_connection(mara, service, "Warehouse")
    assert found(mara, "sandbox")["Actions"] == [
        "Try an action with Sandbox",
        "Connections to Sandbox",
        "Audit log of Sandbox",
    ]


def operator(*, is_superuser: bool = True) -> User:
    user = make_user("Olga Operator")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=is_superuser)
    return User.objects.get(pk=user.pk)


def administration(user: User, text: str = "") -> dict[str, str]:
    client = Client()
    client.force_login(user)
    groups = client.get(reverse("web:search"), {"q": text}).json()["groups"]
    return {
        item["label"]: item["url"] for group in groups if group["title"] == "Administration" for item in group["items"]
    }


def test_operators_find_the_pages_of_the_administration_also_without_a_team() -> None:
    pages = administration(operator())
    assert {"Dashboard", "Health", "OAuth apps", "People", "Connections", "Audit log"} <= set(pages)
    assert pages["Health"] == reverse("web:health")
    assert administration(operator(), "oauth")["OAuth apps"] == reverse("admin:integrations_oauthapp_changelist")


def test_operators_search_the_lists_of_the_administration() -> None:
    user = operator()
    assert administration(user, "mara & co")["People: “mara & co”"] == "/admin/teams/user/?q=mara+%26+co"
    client = Client()
    client.force_login(user)
    for address in administration(user, "mara & co").values():
        assert client.get(address).status_code == 200


def test_operators_find_only_what_they_may_open_and_others_find_nothing_of_it() -> None:
    assert set(administration(operator(is_superuser=False), "a")) == {"Dashboard", "Health"}
    assert administration(make_member(role=Role.OWNER).user) == {}
