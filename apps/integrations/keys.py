"""Services that people sign in to with values of their own: what may be entered, and where it goes. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from apps.integrations.catalog.entries import entry_for, filled, known, placeholder_values, standing
from apps.integrations.catalog.key_schema import Field, Verification
from apps.integrations.catalog.placeholders import PLACEHOLDER, matches, problems, put
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.oauth1 import OAuth1Provider
from apps.oauth.provider import ClientCredentials
from apps.oauth.signing import PlainCredentials, SignedCredentials

_LONGEST = 8_000


def checked_input(
    entry: CatalogEntry, *, fields: Mapping[str, object], params: Mapping[str, object]
) -> tuple[dict[str, str], dict[str, str]]:
    """`(fields, params)` stripped, with defaults. Raises InvalidInput, which names each as `field.x` or `param.x`."""
    given = {name: _stripped(value) for name, value in params.items()}
    wanted = entry.params_from("user")
    wrong = [(f"field.{name}", sentence) for name, sentence in field_problems(entry, fields)]
    wrong += [(f"param.{name}", sentence) for name, sentence in problems(entry.name, wanted, given)]
    if wrong:
        raise InvalidInput(wrong)
    values = {param.name: str(given.get(param.name) or param.default) for param in wanted}
    return {field.name: str(_stripped(fields[field.name])) for field in entry.fields}, values


def field_problems(entry: CatalogEntry, fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with what was entered, as (name, sentence). No sentence holds a value."""
    known = {field.name for field in entry.fields}
    wrong = [(name[:60], f"{entry.name} has no such field.") for name in fields if name not in known]
    for field in entry.fields:
        sentence = _problem(entry, field, _stripped(fields.get(field.name)))
        if sentence:
            wrong.append((field.name, sentence))
    return wrong


def _problem(entry: CatalogEntry, field: Field, value: object) -> str:
    if value is None or value == "":
        return f"Enter {field.label}."
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        return f"{field.label} must be one line of text."
    if entry.kind != "basic" and not value.isascii():
        return f"{field.label} holds characters that cannot be sent. Copy it again."
    if entry.basic and field.name in PLACEHOLDER.findall(entry.basic.username) and ":" in value:
        return f"{field.label} cannot hold a colon."  # RFC 7617 2
    if field.pattern and not matches(field, value):
        return f"{field.label} does not look right. {field.hint or f'It looks like {field.example}.'}"
    return ""


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def key_access(entry: CatalogEntry, *, fields: Mapping[str, str], params: Mapping[str, str]) -> PlainCredentials:
    """What opens the service's API: headers, query parameters or a path with the fields in their places."""
    places = placeholder_values(entry, None, params)
    standing_headers, standing_query = standing(entry, places)
    values = {**places, **fields}
    if entry.basic:
        pair = f"{put(entry.basic.username, values)}:{put(entry.basic.password, values)}"
        basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return PlainCredentials({**standing_headers, "Authorization": basic}, standing_query)
    if entry.api_key:
        headers = {name: put(value, values) for name, value in entry.api_key.headers.items()}
        query = {name: put(value, values) for name, value in entry.api_key.query.items()}
        return PlainCredentials(
            {**standing_headers, **headers}, {**standing_query, **query}, put(entry.api_key.path, values)
        )
    if entry.kind == "none":
        return PlainCredentials(standing_headers, standing_query)
    raise IntegrationMisconfigured(f"{entry.name} does not sign in with a key.")


def oauth1_provider(integration: Integration, *, oauth_app: OAuthApp, params: Mapping[str, str]) -> OAuth1Provider:
    """What the protocol needs to know of a service with OAuth 1.0a. Raises IntegrationMisconfigured."""
    entry = entry_for(integration)
    if entry.oauth1 is None:
        raise IntegrationMisconfigured(f"{entry.name} does not speak OAuth 1.0a.")
    values = placeholder_values(entry, oauth_app, params)
    facts = {name: value for name, value in vars(entry.oauth1).items() if name != "keep"}
    facts |= {name: filled(entry, facts[name], values) for name in facts if name.endswith("_url")}
    return OAuth1Provider(slug=entry.slug, name=entry.name, kept=entry.oauth1.keep, **facts)


def verification_of(
    entry: CatalogEntry, *, fields: Mapping[str, str], params: Mapping[str, str], oauth_app: OAuthApp | None = None
) -> Verification | None:
    """The call that shows whether access works, its address filled in; None where the service has none."""
    if entry.verification is None:
        return None
    places = placeholder_values(entry, oauth_app, params)
    url = filled(entry, entry.verification.url, places | {f.name: fields[f.name] for f in _in_addresses(entry, fields)})
    headers = known(entry, entry.verification.headers, places)
    return replace(entry.verification, url=url, headers=headers) if url else None


def signed_access(
    entry: CatalogEntry,
    *,
    oauth_app: OAuthApp | None,
    consumer: ClientCredentials,
    params: Mapping[str, str],
    token: str,
    token_secret: str,
) -> SignedCredentials:
    """What signs requests to a service with OAuth 1.0a."""
    headers, query = standing(entry, placeholder_values(entry, oauth_app, params))
    return SignedCredentials(consumer, token, token_secret, headers, query)


def _in_addresses(entry: CatalogEntry, fields: Mapping[str, str]) -> list[Field]:
    """The fields that may stand in an address: an account's number, never a secret."""
    return [field for field in entry.fields if field.pattern and not field.secret and field.name in fields]


def api_hosts(entry: CatalogEntry, *, params: Mapping[str, str], oauth_app: OAuthApp | None = None) -> frozenset[str]:
    """Hosts (with port) to which access of this connection may be sent: the API's, and the account call's."""
    values = placeholder_values(entry, oauth_app, params)
    addresses = [entry.api.base_url, *(call.url for call in (entry.account, entry.verification) if call)]
    # What stands in a path of the verification may be a field; for the host it does not matter.
    hosts = (urlsplit(PLACEHOLDER.sub(lambda f: values.get(f[1], "0"), address)).netloc for address in addresses)
    return frozenset(hosts)


def main_secret(entry: CatalogEntry, fields: Mapping[str, str]) -> str:
    """The value that stands for the whole credential: the first secret one."""
    return next((fields[field.name] for field in entry.fields if field.secret and field.name in fields), "")


def ending(secret: str) -> str:
    """The last four characters of a long secret, so that people tell theirs apart; nothing of a short one."""
    return secret[-4:] if len(secret) >= 20 else ""


def preview_of(entry: CatalogEntry) -> str:
    """The API's address with the placeholders of what the person types, for a live preview; "" without any."""
    names = {param.name for param in entry.params_from("user")}
    return entry.api.base_url if names & set(PLACEHOLDER.findall(entry.api.base_url)) else ""


def consent_preview(entry: CatalogEntry) -> str:
    """The same for the consent page of OAuth 2.0, without what is the protocol's."""
    names = {param.name for param in entry.params_from("user")}
    address = entry.oauth2.authorization_url if entry.oauth2 else ""
    others = set(PLACEHOLDER.findall(address)) - names
    return address if names & set(PLACEHOLDER.findall(address)) and not others else ""


def shown_host(entry: CatalogEntry, params: Mapping[str, str] | None = None) -> str:
    """The host that values are sent to; "" while it depends on what nobody has typed yet."""
    values = {**{param.name: param.default for param in entry.params}, **(params or {})}
    address = entry.client_credentials.token_url if entry.client_credentials else entry.api.base_url
    host = urlsplit(address).netloc or address
    if any(not values.get(name) for name in PLACEHOLDER.findall(host)):
        return ""
    return urlsplit(put(address, values)).netloc


def sent_as(entry: CatalogEntry) -> list[str]:
    """How the values are sent, one line each, without any of them."""
    if entry.client_credentials:
        return ["client ID and secret, for an access token"]
    if entry.basic:
        return ["Authorization: Basic …"]
    if entry.api_key is None:
        return []
    lines = [f"{name}: {_masked(value)}" for name, value in entry.api_key.headers.items()]
    lines += [f"?{name}={_masked(value)}" for name, value in entry.api_key.query.items()]
    return lines + ([_masked(entry.api_key.path)] if entry.api_key.path else [])


def _masked(template: str) -> str:
    return PLACEHOLDER.sub("…", template)
