"""What connections to a team's own API are asked for: added, changed, ordered and removed, by page and REST alike."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.integrations.catalog.choices import pattern_of, values_in
from apps.integrations.catalog.entries import entry_for
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api, save_authentication
from apps.integrations.models import CustomApi
from apps.teams.models import Membership, Role
from tests.factories import actor_for, client_for, make_member
from tests.integrations.custom_apis.test_api import fields_of, send
from tests.integrations.custom_apis.test_services import OAUTH

pytestmark = pytest.mark.django_db

REGION = {"name": "region", "label": "Region", "values": "eu\nus", "required": "on"}
TENANT = {"name": "tenant", "label": "Tenant", "example": "acme", "required": "on"}
API_REGION: dict[str, Any] = {"name": "region", "label": "Region", "pattern": "eu|us", "example": "eu"}


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


@pytest.fixture
def api(admin: Membership) -> CustomApi:
    return create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url="https://api.carrier.example")


def add(admin: Membership, sent: dict[str, str]) -> HttpResponse:
    answer: HttpResponse = client_for(admin).post(reverse("integrations:custom_param_new", args=["carrier-hub"]), sent)
    return answer


def change(admin: Membership, name: str, sent: dict[str, str]) -> HttpResponse:
    url = reverse("integrations:custom_param", args=["carrier-hub", name])
    answer: HttpResponse = client_for(admin).post(url, sent)
    return answer


def names(api: CustomApi) -> list[str]:
    api.refresh_from_db()
    return [param["name"] for param in api.params]


def errors_by_field(answer: HttpResponse) -> dict[str, list[str]]:
    assert answer.status_code == 200, answer.status_code
    found: dict[str, list[str]] = answer.context["form"].errors  # type: ignore[attr-defined]
    return found


def test_an_added_param_is_used_in_the_url_and_asked_on_connecting(admin: Membership, api: CustomApi) -> None:
    assert add(admin, REGION).status_code == 302
    change_custom_api(actor=actor_for(admin), api=api, base_url="https://{region}.carrier.example")
    client = {"client_id": "fernhill", "client_secret": "s3cret-of-fernhill"}
    saved = save_authentication(actor=actor_for(admin), api=api, authentication=OAUTH, **client)
    (param,) = entry_for(saved.integration).params_from("user")
    assert (param.name, param.pattern, param.example, param.optional) == ("region", "eu|us", "eu", False)
    page = client_for(admin).get(reverse("connections:service", args=["carrier-hub"])).content.decode()
    assert '<select class="select"' in page
    assert '<option value="us"' in page
    assert AuditEvent.objects.filter(action="integration.changed", detail__fields=["params"]).count() == 1


def test_they_are_put_in_another_order(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    add(admin, TENANT)
    assert change(admin, "tenant", {"do": "earlier"}).status_code == 302
    assert names(api) == ["tenant", "region"]
    change(admin, "tenant", {"do": "later"})
    change(admin, "tenant", {"do": "later"})
    assert names(api) == ["region", "tenant"]


def test_a_used_param_is_not_removed_and_the_message_says_where(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    change_custom_api(actor=actor_for(admin), api=api, base_url="https://{region}.carrier.example")
    moved = OAUTH.with_values({"token_url": "https://{region}.carrier.example/token"})
    save_authentication(actor=actor_for(admin), api=api, authentication=moved)
    refused = change(admin, "region", {"do": "remove"})
    assert refused.status_code == 400
    assert "{region} is used in the base URL and the token URL" in refused.content.decode()
    assert names(api) == ["region"]
    renamed = errors_by_field(change(admin, "region", REGION | {"name": "zone"}))
    assert "is used in the base URL and the token URL" in renamed["name"][0]


def test_one_that_is_used_nowhere_goes(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    assert change(admin, "region", {"do": "remove"}).status_code == 302
    assert names(api) == []
    assert change(admin, "region", {"do": "remove"}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Region"}, "name"),
        ({"name": "client_secret"}, "name"),
        ({"name": "password"}, "name"),
        ({"label": ""}, "label"),
        ({"values": "e/u?"}, "values"),
        ({"values": "eu#"}, "values"),
        ({"pattern": "eu"}, "pattern"),
        ({"values": "", "pattern": "(", "example": "eu"}, "pattern"),
        ({"values": "", "pattern": ".*", "example": "eu"}, "pattern"),
        ({"values": "", "pattern": "[a-z]{2}", "example": "europe"}, "example"),
        ({"values": "", "pattern": "[a-z]{2}", "example": "eu", "default": "asia"}, "default"),
        ({"values": ""}, "example"),
        ({"default": "asia"}, "default"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    admin: Membership, api: CustomApi, wrong: dict[str, str], field: str
) -> None:
    assert list(errors_by_field(add(admin, REGION | wrong))) == [field]
    assert names(api) == []


def test_param_names_are_unique(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    assert errors_by_field(add(admin, REGION))["name"] == ["Another parameter already has this name."]


def test_a_param_in_a_url_is_required_or_has_a_default(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    change_custom_api(actor=actor_for(admin), api=api, base_url="https://{region}.carrier.example")
    optional = {name: value for name, value in REGION.items() if name != "required"}
    assert list(errors_by_field(change(admin, "region", optional))) == ["required"]
    assert change(admin, "region", optional | {"default": "eu"}).status_code == 302


def test_rest_takes_them_by_the_same_rules(admin: Membership) -> None:
    body = {"name": "Hub", "base_url": "https://{region}.hub.example", "params": [API_REGION]}
    made = send(admin, "post", "/api/v1/integrations/", body)
    assert made.status_code == 201, made.content
    assert json.loads(made.content)["params"] == [API_REGION]
    url = "/api/v1/integrations/hub/"
    refused = send(admin, "patch", url, {"params": []})
    assert (refused.status_code, fields_of(refused)) == (400, ["params"])
    assert "the base URL" in refused.content.decode()
    hostile = send(admin, "patch", url, {"params": [API_REGION | {"pattern": ".+"}]})
    assert fields_of(hostile) == ["params.0.pattern"]
    both = send(admin, "patch", url, {"params": [], "base_url": "https://api.hub.example"})
    assert both.status_code == 200, both.content


def test_members_see_params_but_cannot_change_them(admin: Membership, api: CustomApi) -> None:
    add(admin, REGION)
    member = make_member(admin.team)
    page = client_for(member).get(reverse("integrations:custom_overview", args=["carrier-hub"])).content.decode()
    assert "Region" in page
    assert "Add parameter" not in page
    assert add(member, TENANT).status_code == change(member, "region", {"do": "remove"}).status_code == 403
    stranger = make_member(role=Role.OWNER)
    assert add(stranger, TENANT).status_code == change(stranger, "region", {"do": "remove"}).status_code == 404
    assert names(api) == ["region"]


@pytest.mark.parametrize("values", [["eu"], ["eu", "us-east.1"], ["a~b", "https://x.example:8443/y_z"]])
def test_allowed_values_return_again_out_of_their_pattern(values: list[str]) -> None:
    assert values_in(pattern_of(values)) == values


@pytest.mark.parametrize("pattern", ["[a-z]{2}", "eu|u.", "", "a|", "(?:eu|us)", r"\d+"])
def test_other_patterns_are_no_list_of_values(pattern: str) -> None:
    assert values_in(pattern) == []
