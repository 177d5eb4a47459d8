"""What the metadata of an issuer fills in, and at which issuers it is looked for."""

import pytest

from apps.integrations.custom_apis.definition import definition_of
from apps.integrations.custom_apis.forms import scopes_in
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.discovery import issuers_of

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "typed",
    [
        "https://id.example/app",
        "https://id.example/app/",
        f"https://id.example/app{WELL_KNOWN}",
        f"https://id.example/app/{WELL_KNOWN}".replace("//.", "/."),
        "https://id.example/.well-known/oauth-authorization-server/app",
    ],
)
def test_an_issuer_is_found_with_and_without_its_last_slash_and_by_its_metadata(typed: str) -> None:
    assert {"https://id.example/app", "https://id.example/app/"} <= set(issuers_of(typed))


def test_discovered_scopes_are_offered_and_only_identity_and_offline_ones_are_selected() -> None:
    text = "openid\nprofile\nread\nwrite\nintrospection\noffline_access"
    scopes = scopes_in(text, Authentication(), is_discovered=True)
    definition = definition_of(
        name="A", description="", base_url="https://a.example", params=[],
        authentication=Authentication(
            type="oauth2", authorization_url="https://a.example/a", token_url="https://a.example/t", scopes=scopes
        ),
    )  # fmt: skip
    assert [scope["name"] for scope in definition["scopes"] if scope["default"]] == [
        "openid",
        "profile",
        "offline_access",
    ]


def test_editing_the_scopes_keeps_which_of_them_are_selected() -> None:
    before = Authentication(scopes=(CustomScope(name="read", default=False, access="read"),))
    [scope] = scopes_in("read Read everything", before)
    assert (scope.default, scope.access, scope.description) == (False, "read", "Read everything")
    assert scopes_in("write", before)[0].default is None
