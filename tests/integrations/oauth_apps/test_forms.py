"""What a sent connect form may ask for."""

import pytest
from django.http import QueryDict

from apps.integrations.catalog.entries import catalog
from apps.integrations.errors import InvalidInput
from apps.integrations.forms import parse_connect_request


def test_ticked_permissions_come_once_and_in_the_catalogs_order() -> None:
    data = QueryDict("scopes=messages:write&scopes=profile&scopes=profile")
    assert parse_connect_request(catalog()["sandbox"], data) == (["profile", "messages:write"], {})


def test_an_unknown_scope_is_rejected_with_a_message() -> None:
    with pytest.raises(InvalidInput, match="Sandbox has no permission called everything") as refused:
        parse_connect_request(catalog()["sandbox"], QueryDict("scopes=profile&scopes=everything"))
    assert refused.value.extra["errors"] == [{"field": "scopes", "detail": str(refused.value)}]


def test_no_permission_at_all_is_refused_where_there_are_some_to_tick() -> None:
    with pytest.raises(InvalidInput, match="Select at least one permission"):
        parse_connect_request(catalog()["sandbox"], QueryDict(""))
    assert parse_connect_request(catalog()["notion"], QueryDict("")) == ([], {})


def test_an_empty_parameter_takes_its_default() -> None:
    entry = catalog()["microsoft-graph"]
    assert parse_connect_request(entry, QueryDict("scopes=openid"))[1] == {"tenant": "common"}
    assert parse_connect_request(entry, QueryDict("scopes=openid&param.tenant=+"))[1] == {"tenant": "common"}


@pytest.mark.parametrize("tenant", ["..", "evil.com/", "a@b", "common%2F..", "a b", ".a", "ｃommon"])
def test_a_parameter_that_does_not_fit_is_refused_and_shown_by_example(tenant: str) -> None:
    data = QueryDict(mutable=True)
    data.update({"scopes": "openid", "param.tenant": tenant})
    with pytest.raises(InvalidInput, match=r"Directory must look like contoso\.onmicrosoft\.com") as refused:
        parse_connect_request(catalog()["microsoft-graph"], data)
    assert refused.value.errors[0][0] == "param.tenant"


def test_a_parameter_of_the_oauth_app_cannot_be_sent_by_a_person() -> None:
    data = QueryDict("scopes=profile&param.origin=http://evil.example")
    with pytest.raises(InvalidInput, match="Sandbox has no such parameter"):
        parse_connect_request(catalog()["sandbox"], data)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_connect_request(catalog()["microsoft-graph"], QueryDict("scopes=x&param.tenant=/&param.y=1"))
    assert [field for field, _ in refused.value.errors] == ["scopes", "param.y", "param.tenant"]
