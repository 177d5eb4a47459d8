"""An import or a registration waits for a service: access is checked again when its result is stored."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.integrations.custom_apis.services import registration
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.document_import import import_custom_api
from apps.integrations.models import CustomApi, OAuthApp
from apps.oauth.registration import RegisteredClient
from apps.teams.actor import key_holder_actor
from apps.teams.models import Membership, Role, Team
from tests.factories import actor_for, make_key, make_member
from tests.integrations.custom_apis.test_services import OAUTH

pytestmark = pytest.mark.django_db
DOCUMENT = (
    b'{"openapi": "3.1.0", "info": {"title": "Hub", "version": "1"}, "servers": [{"url": "https://hub.example"}]}'
)


def remove(admin: Membership) -> None:
    Membership.objects.filter(pk=admin.pk).delete()


def demote(admin: Membership) -> None:
    Membership.objects.filter(pk=admin.pk).update(role=Role.MEMBER)


def close(admin: Membership) -> None:
    Team.objects.filter(pk=admin.team_id).delete()


CHANGES = [
    (remove, NotAllowed, "access to this team has ended"),
    (demote, NotAllowed, "Only owners and admins"),
    (close, NotFound, "The team was closed meanwhile"),
]
Change = Callable[[Membership], None]


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


@pytest.mark.parametrize(("change", "error", "sentence"), CHANGES)
def test_nothing_is_imported_if_access_ended_while_the_document_was_fetched(
    admin: Membership, change: Change, error: type[SpecwayError], sentence: str
) -> None:
    actor = actor_for(admin)  # of the request, which then waits for the document
    change(admin)
    with pytest.raises(error, match=sentence):
        import_custom_api(actor=actor, content=DOCUMENT, source="https://hub.example/openapi.json")
    assert not CustomApi.objects.exists()


def test_nothing_is_imported_by_a_key_that_was_revoked_meanwhile(admin: Membership) -> None:
    api_key, _ = make_key(admin)
    actor = key_holder_actor(api_key, Role.ADMIN, origin=actor_for(admin).origin)
    api_key.delete()
    with pytest.raises(NotAllowed, match="has ended"):
        import_custom_api(actor=actor, content=DOCUMENT, source="pasted")
    assert not CustomApi.objects.exists()


@pytest.mark.parametrize(("change", "error", "sentence"), CHANGES)
def test_no_client_is_stored_if_access_ended_during_its_registration(
    admin: Membership, change: Change, error: type[SpecwayError], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = OAUTH.with_values({"registration_url": "https://login.carrier.example/register"})
    api = create_custom_api(actor=actor_for(admin), name="Hub", base_url="https://hub.example")
    save_authentication(actor=actor_for(admin), api=api, authentication=described)

    def register(*_: Any, **__: Any) -> RegisteredClient:
        change(admin)
        return RegisteredClient("client", "client_secret_basic", client_secret="secret of the client")

    monkeypatch.setattr(registration, "register", register)
    monkeypatch.setattr(registration, "issuer_metadata", lambda *_, **__: None)
    actor = actor_for(admin)
    with pytest.raises(error, match=sentence):
        registration.register_client(actor=actor, api=CustomApi.objects.get(pk=api.pk))
    assert not OAuthApp.objects.filter(client_id="client").exists()
