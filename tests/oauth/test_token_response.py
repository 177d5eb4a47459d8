"""Responses of token endpoints in every shape: what is kept, what is refused, what is a fault."""

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from apps.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    TokenError,
    UnauthorizedClient,
    UnrecognizedRefusal,
)
from apps.oauth.expiry import TEN_YEARS
from apps.oauth.paths import Check
from apps.oauth.provider import ProviderConfig, SecondaryTokenRule
from apps.oauth.token_response import TokenResponse, parse_token_response

PROVIDER = ProviderConfig(
    slug="example",
    name="Example",
    authorization_url="https://service.test/authorize",
    token_url="https://service.test/token",
)
JSON = {"Content-Type": "application/json"}


def parse(
    fields: object, *, status: int = 200, headers: dict[str, str] | None = None, provider: ProviderConfig = PROVIDER
) -> TokenResponse:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return parse_token_response(
        status=status, headers=JSON if headers is None else headers, body=body, provider=provider
    )


def answer(**fields: object) -> dict[str, object]:
    return {"access_token": "a-token", "token_type": "Bearer", **fields}


# --- What is accepted --------------------------------------------------------------------------------------------


def test_a_full_response_is_read() -> None:
    read = parse(answer(refresh_token="r", expires_in=3600, scope="read write"))
    assert (read.access_token, read.refresh_token, read.token_type) == ("a-token", "r", "bearer")
    assert read.expires_in == 3600
    assert read.scopes == {"read", "write"}


@pytest.mark.parametrize("fields", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_refresh_keeps_old_refresh_token_when_none_returned(fields: dict[str, object]) -> None:
    assert parse(answer(**fields)).refresh_token is None


NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DATED = {**JSON, "Date": format_datetime(NOW, usegmt=True)}
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        ("+3600", 3600),
        (3599.9, 3599),
        ("3600.0", 3600),
        (0, 0),
        ("0", 0),
        (-1, 0),
        ("-5", 0),
        (-(10**4_000), 0),
        ("-" + "9" * 5_000, 0),
        (10**15, TEN_YEARS),
        (10**4_000, TEN_YEARS),
        ("9" * 18, TEN_YEARS),
        ("9" * 5_000, TEN_YEARS),
        (1e18, TEN_YEARS),
        (TEN_YEARS + 1, TEN_YEARS),
        (UNIX + 3600, 3600),
        (str(UNIX + 3600), 3600),
        (UNIX - 5, 0),
        (UNIX + TEN_YEARS, TEN_YEARS),
        ((UNIX + 3600) * 1000, 3600),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("1e400", None),
        ("٣", None),
        (True, None),
        ([3600], None),
        ({}, None),
        (None, 1234),
    ],
)
def test_expires_in(value: object, seconds: int | None) -> None:
    fields = answer(expires_in=value, refresh_token="r")
    read = parse(fields, headers=DATED, provider=replace(PROVIDER, default_expires_in=1234))
    assert read.expires_in == seconds
    assert bool(read.notes) is (seconds is None)


@pytest.mark.parametrize(("digits", "seconds"), [("9" * 5_000, TEN_YEARS), ("-" + "9" * 5_000, 0)])
def test_a_number_with_more_digits_than_python_reads_is_clamped(digits: str, seconds: int) -> None:
    body = f'{{"access_token": "a", "refresh_token": "r", "expires_in": {digits}}}'.encode()
    assert parse(body).expires_in == seconds


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_an_unknown_expiry(constant: str) -> None:
    assert parse(f'{{"access_token": "a", "expires_in": {constant}}}'.encode()).expires_in is None


@pytest.mark.parametrize("value", [0, "0", -5])
def test_a_token_that_expires_at_once_and_cannot_be_refreshed_has_an_unknown_expiry(value: object) -> None:
    read = parse(answer(expires_in=value))
    assert read.expires_in is None
    assert read.notes
    held = parse_token_response(
        status=200,
        headers=JSON,
        body=json.dumps(answer(expires_in=value)).encode(),
        provider=PROVIDER,
        held_refresh_token="old",
    )
    assert (held.expires_in, held.notes) == (0, ())


def test_a_missing_expires_in_without_a_default_is_unknown() -> None:
    assert parse(answer()).expires_in is None


@pytest.mark.parametrize(
    ("token_type", "recorded"),
    [
        ("Bearer", "bearer"),
        ("BEARER", "bearer"),
        (None, "bearer"),
        ("", "bearer"),
        ("BearerToken", "bearertoken"),
        ("JWT", "jwt"),
        ("User Access Token", "user access token"),
        ("mac", "mac"),
        ("x" * 500, "x" * 40),
        (1, "bearer"),
        (["bearer"], "bearer"),
        ("a\x00", "bearer"),
    ],
)
def test_any_token_type_is_accepted_and_recorded(token_type: object, recorded: str) -> None:
    assert parse(answer(token_type=token_type)).token_type == recorded


@pytest.mark.parametrize(
    ("scope", "separator", "scopes"),
    [
        (None, None, None),
        ("", None, frozenset()),
        ("a b  a", None, {"a", "b"}),
        ("a,b", ",", {"a", "b"}),
        ("a, b,", ",", {"a", "b"}),
        (["a", "b"], None, {"a", "b"}),
    ],
)
def test_scopes_are_a_set(scope: object, separator: str | None, scopes: object) -> None:
    assert parse(answer(scope=scope), provider=replace(PROVIDER, scope_response_separator=separator)).scopes == scopes


def test_tokens_and_what_is_kept_are_found_by_path() -> None:
    provider = replace(
        PROVIDER,
        access_token_path="body.access_token",
        refresh_token_path="body.refresh_token",
        keep=("team.id", "sites[1].url", "absent.path"),
    )
    read = parse(
        {"body": {"access_token": "a", "refresh_token": "r"}, "team": {"id": 7}, "sites": [{}, {"url": "u"}]},
        provider=provider,
    )
    assert (read.access_token, read.refresh_token) == ("a", "r")
    assert read.kept == {"team.id": 7, "sites[1].url": "u"}


def test_a_secondary_token_is_read_where_there_is_one() -> None:
    rule = SecondaryTokenRule("user", access_token_path="authed_user.access_token", scope_path="authed_user.scope")
    provider = replace(PROVIDER, scope_separator=",", secondary_tokens=(rule,))
    read = parse(answer(authed_user={"access_token": "u", "scope": "a,b"}), provider=provider)
    assert read.secondary["user"].access_token == "u"
    assert read.secondary["user"].scopes == {"a", "b"}
    assert parse(answer(authed_user={"id": "U1"}), provider=provider).secondary == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain",
        "application/vnd.x+json",
        "text/javascript",
        "",
    ],
)
def test_json_comes_under_several_content_types(content_type: str) -> None:
    assert parse(answer(), headers={"Content-Type": content_type}).access_token == "a-token"


FORM = b"access_token=a%2Fb&scope=repo%2Cgist&token_type=bearer&expires_in=28800"


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=utf-8", "text/plain", "", "x/y"])
def test_a_form_encoded_response_is_accepted_with_a_note_unless_expected(content_type: str) -> None:
    headers = {"Content-Type": content_type}
    read = parse(FORM, headers=headers)
    assert (read.access_token, read.expires_in, read.scopes) == ("a/b", 28800, {"repo", "gist"})
    assert "the body was form-encoded" in read.notes
    expected = parse(FORM, headers=headers, provider=replace(PROVIDER, token_answer_encodings=("json", "form")))
    assert "the body was form-encoded" not in expected.notes


@pytest.mark.parametrize(
    ("status", "content_type"),
    [
        (200, "text/html"),
        (200, "image/png"),
        (200, "application/octet-stream"),
        (202, ""),
        (203, ""),
        (206, ""),
        (299, ""),
    ],
)
def test_a_token_is_kept_whatever_content_type_and_success_status_say(status: int, content_type: str) -> None:
    read = parse(answer(refresh_token="r"), status=status, headers={"Content-Type": content_type})
    assert (read.access_token, read.refresh_token) == ("a-token", "r")
    assert len(read.notes) == 1


TOKEN = '{"access_token": "a-token", "refresh_token": "r", "x": %s}'


@pytest.mark.parametrize(
    "body",
    [
        (TOKEN % 1).encode("utf-8-sig"),
        (TOKEN % 1).encode("utf-16"),
        (TOKEN % 1).encode("utf-16-le"),
        (TOKEN % 1).encode("utf-32"),
        (TOKEN % '"\xe9"').encode("latin-1"),
        (TOKEN % "NaN").encode(),
        (TOKEN % ("[" * 100_000 + "]" * 100_000)).encode(),
        (TOKEN % ('{"a":' * 100_000 + "1" + "}" * 100_000)).encode(),
        (TOKEN % ("9" * 5_000)).encode(),
        (TOKEN % 1).encode() + b" trailing",
        b"\r\n  " + (TOKEN % 1).encode() + b"\n",
        b'{"access_token": "old", "access_token": "a-token", "refresh_token": "r"}',
    ],
    ids=["BOM", "UTF-16", "UTF-16 without BOM", "UTF-32", "Latin-1", "NaN", "deep lists", "deep objects", "long number",
         "trailing text", "white space", "repeated key"],
)  # fmt: skip
def test_a_token_that_can_be_read_is_kept_however_odd_the_body(body: bytes) -> None:
    read = parse(body)
    assert (read.access_token, read.refresh_token) == ("a-token", "r")


@pytest.mark.parametrize("refresh_token", [42, ["r"], "r\n", True, {"a": 1}])
def test_an_unusable_refresh_token_is_left_out_and_the_access_token_kept(refresh_token: object) -> None:
    read = parse(answer(refresh_token=refresh_token))
    assert (read.access_token, read.refresh_token) == ("a-token", None)
    assert read.notes


@pytest.mark.parametrize("scope", [42, {"a": 1}, ["a", 1], True])
def test_scopes_of_another_shape_are_unknown(scope: object) -> None:
    read = parse(answer(scope=scope))
    assert (read.access_token, read.scopes) == ("a-token", None)
    assert read.notes


def test_notes_contain_nothing_of_the_response() -> None:
    secret = secrets.token_hex(12)
    odd = answer(refresh_token=[secret], scope={secret: 1}, expires_in=secret, token_type=[secret])
    read = parse(odd, status=202, headers={"Content-Type": f"text/{secret}"})
    assert len(read.notes) >= 5
    assert secret not in " ".join(read.notes)


# --- What is malformed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b'{"access_token": "a-tok',
        b"[]",
        b'[{"access_token": "a"}]',
        b"null",
        b'"a-token"',
        b"42",
        b"true",
        b"{}",
        b"\xff\xfe{}",
        b"<a href='x?access_token=a&b=c'>",
        b"access_token=a&access_token=b",
        b"access_token=&b=c",
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_body_that_is_no_token_response_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        parse(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 42},
        {"access_token": True},
        {"access_token": ["a"]},
        {"access_token": {"value": "a"}},
        {"access_token": "a\r\nX-Injected: b"},
        {"access_token": "a\x00"},
        {"access_token": "a\x7f"},
        {"access_token": "ä"},
        {"access_token": "\ud800"},
    ],
)
def test_an_unusable_access_token_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedResponse):
        parse(answer(**fields))


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404])
def test_a_token_under_a_status_other_than_success_is_an_error(status: int) -> None:
    with pytest.raises(OAuthError):
        parse(answer(), status=status)


@pytest.mark.parametrize(
    "body", [b"access_token", b"access_token=a&access_token=b", b"a=%ff", b"&".join([b"a=b"] * 600)]
)
def test_a_broken_form_response_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        parse(
            body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            provider=replace(PROVIDER, token_answer_encodings=("form",)),
        )


# --- What is a refusal, what is a fault --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 401, 403])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_grant", InvalidGrant),
        ("invalid_client", InvalidClient),
        ("unauthorized_client", UnauthorizedClient),
        ("invalid_scope", InvalidScope),
        ("invalid_request", UnrecognizedRefusal),
        ("of_its_own", UnrecognizedRefusal),
    ],
)
def test_an_error_is_recognized_by_its_code_whatever_the_status(status: int, code: str, kind: type[TokenError]) -> None:
    with pytest.raises(TokenError) as caught:
        parse({"error": code, "access_token": "a"}, status=status)
    assert type(caught.value) is kind
    assert caught.value.code == code


@pytest.mark.parametrize("error", [{"message": "m"}, ["x"], 7, "a b c", "x" * 100, "0f9d8b7c6a5e"])
def test_an_error_that_is_no_code_is_not_kept(error: object) -> None:
    with pytest.raises(TokenError) as caught:
        parse({"error": error}, status=400)
    assert caught.value.code == "unrecognized"


def test_a_provider_may_have_its_own_error_codes() -> None:
    provider = replace(PROVIDER, error_aliases={"bad_refresh_token": "invalid_grant"})
    with pytest.raises(InvalidGrant):
        parse({"error": "bad_refresh_token"}, provider=provider)


@pytest.mark.parametrize("ok", [False, 1, "true", None])
def test_a_failed_success_check_is_a_refusal(ok: object) -> None:
    provider = replace(
        PROVIDER, success_check=Check("ok", True), error_aliases={"invalid_refresh_token": "invalid_grant"}
    )
    with pytest.raises(InvalidGrant):
        parse({"ok": ok, "error": "invalid_refresh_token"}, provider=provider)
    with pytest.raises(TokenError):
        parse(answer(ok=ok), provider=provider)
    assert parse(answer(ok=True), provider=provider).access_token == "a-token"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_overloaded_or_broken_server_is_a_fault_whatever_it_says(status: int) -> None:
    with pytest.raises(ProviderFault) as caught:
        parse({"error": "invalid_grant"}, status=status)
    assert caught.value.status == status
    assert caught.value.retry_after is None


@pytest.mark.parametrize(("code", "status"), [("temporarily_unavailable", 503), ("server_error", 500)])
def test_codes_that_mean_try_later_are_faults(code: str, status: int) -> None:
    with pytest.raises(ProviderFault) as caught:
        parse({"error": code}, status=400)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:00 GMT"}, 59.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:10:00 GMT"}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "+5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "9" * 400}, TEN_YEARS),
        ({"Retry-After": "9" * 5_000}, TEN_YEARS),
        ({"Retry-After": "999999999999999999999"}, TEN_YEARS),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, TEN_YEARS),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0500"}, TEN_YEARS),
        ({"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(ProviderFault) as caught:
        parse(b"", status=503, headers=headers)
    assert caught.value.retry_after == seconds


# --- Nothing leaks -----------------------------------------------------------------------------------------------


def test_tokens_are_not_in_the_repr() -> None:
    secret = secrets.token_urlsafe()
    rule = SecondaryTokenRule("user", access_token_path="user.token")
    read = parse(
        answer(access_token=secret, refresh_token=secret, user={"token": secret}),
        provider=replace(PROVIDER, keep=("user.token",), secondary_tokens=(rule,)),
    )
    assert read.kept
    assert read.secondary
    assert secret not in repr(read)


@pytest.mark.parametrize(
    "shape", ['{{"access_token": "{}"', '["{}"]', '{{"error": "{}"}}', "<p>{}</p>", '{{"access_token": "{}\\n"}}']
)
def test_errors_contain_nothing_of_the_response(shape: str) -> None:
    secret = secrets.token_hex(12)
    with pytest.raises(OAuthError) as caught:
        parse(shape.format(secret).encode())
    error = caught.value
    assert secret not in f"{error!s} {error!r}"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_a_redirect_is_malformed_whatever_its_body_says() -> None:
    with pytest.raises(MalformedResponse, match="redirects are not followed"):
        parse({"error": "invalid_grant"}, status=302)
