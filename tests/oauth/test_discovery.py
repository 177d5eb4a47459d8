"""apps.oauth.discovery, and the call that uses it."""

import json

import pytest

from apps.oauth.discovery import discover, is_issuer, metadata_urls, parse_metadata
from apps.oauth.errors import DiscoveryFailed, EndpointRefused
from tests.servers import HttpServer


def test_the_well_known_urls_of_an_issuer_with_a_path() -> None:
    assert metadata_urls("https://service.test/tenant/1") == (
        "https://service.test/.well-known/oauth-authorization-server/tenant/1",
        "https://service.test/.well-known/openid-configuration/tenant/1",
        "https://service.test/tenant/1/.well-known/openid-configuration",
    )


def test_the_well_known_urls_of_an_issuer_without_a_path() -> None:
    assert metadata_urls("https://service.test/") == (
        "https://service.test/.well-known/oauth-authorization-server",
        "https://service.test/.well-known/openid-configuration",
    )


def test_metadata_is_read() -> None:
    metadata = parse_metadata(
        {
            "issuer": "https://service.test",
            "token_endpoint": "https://service.test/token",
            "scopes_supported": ["a", "b"],
            "authorization_response_iss_parameter_supported": True,
        },
        issuer="https://service.test",
    )
    assert metadata.token_endpoint == "https://service.test/token"
    assert metadata.scopes_supported == ("a", "b")
    assert metadata.authorization_response_iss_parameter_supported
    assert metadata.token_endpoint_auth_methods_supported == ("client_secret_basic",)
    assert metadata.revocation_endpoint is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"issuer": None},
        {"issuer": "https://service.test/other"},
        {"issuer": "https://{host}"},
        {"issuer": "https://service.test/{tenant}/v2"},
        {"issuer": "https://SERVICE.test"},
        {"issuer": "https://service.test", "token_endpoint": 1},
        {"issuer": "https://service.test", "scopes_supported": "a b"},
        {"issuer": "https://service.test", "scopes_supported": [1]},
    ],
)
def test_metadata_of_another_issuer_or_of_wrong_types_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(DiscoveryFailed):
        parse_metadata(document, issuer="https://service.test")


def test_discovery_goes_on_to_the_next_url(server: HttpServer) -> None:
    server.will_answer(404, b"")
    server.will_answer(200, b"<html>", Content_Type="text/html")
    server.will_answer(200, json.dumps({"issuer": f"{server.url}/t"}).encode())
    assert discover(f"{server.url}/t").issuer == f"{server.url}/t"
    assert [request.path for request in server.received] == [
        "/.well-known/oauth-authorization-server/t",
        "/.well-known/openid-configuration/t",
        "/t/.well-known/openid-configuration",
    ]


def test_an_issuer_without_metadata(server: HttpServer) -> None:
    server.will_answer(404, b"")
    with pytest.raises(DiscoveryFailed):
        discover(server.url)


@pytest.mark.parametrize("suffix", ["?a=b", "#a"])
def test_an_issuer_has_no_query_and_no_fragment(server: HttpServer, suffix: str) -> None:
    with pytest.raises(DiscoveryFailed):
        discover(server.url + suffix)
    assert not server.received


@pytest.mark.parametrize("issuer", ["http://service.test", "https://169.254.169.254", "service.test", ""])
def test_an_issuer_at_a_forbidden_address(issuer: str) -> None:
    with pytest.raises(EndpointRefused):
        discover(issuer)


@pytest.mark.parametrize(
    ("typed", "published"),
    [
        ("/o/app", "/o/app/"),
        ("/o/app/", "/o/app"),
        ("/o/app/.well-known/openid-configuration", "/o/app/"),
        ("/.well-known/oauth-authorization-server/o/app", "/o/app"),
        ("/o/app/.well-known/openid-configuration?p=1", "/o/app"),
        ("/common/v2.0", "/{tenantid}/v2.0"),
    ],
)
def test_an_issuer_is_found_from_any_form_and_stored_by_its_own(server: HttpServer, typed: str, published: str) -> None:
    server.will_answer(200, json.dumps({"issuer": server.url + published}).encode())
    assert discover(server.url + typed).issuer == server.url + published
    assert "?" not in server.received[0].path


@pytest.mark.parametrize(
    ("identifier", "issuer", "same"),
    [
        ("https://a.test", "https://a.test", True),
        ("https://a.test/", "https://a.test", False),
        ("https://a.test/7f-x/v2.0", "https://a.test/{tenantid}/v2.0", True),
        ("https://a.test/7f/8/v2.0", "https://a.test/{tenantid}/v2.0", False),
        ("https://a.test//v2.0", "https://a.test/{tenantid}/v2.0", False),
        ("https://axtest/7f/v2.0", "https://a.test/{tenantid}/v2.0", False),
        ("https://a.test/7f", "https://{host}/7f", False),
        ("https://a.test", None, False),
    ],
)
def test_an_issuer_with_a_placeholder_is_a_template_of_its_path(identifier: str, issuer: str, same: bool) -> None:
    assert is_issuer(identifier, issuer) is same
