"""Services with credentials that people enter: validation, and where the credentials are sent. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from django.utils.translation import gettext, gettext_noop

from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.key_schema import Field, Verification
from apps.integrations.catalog.placeholders import PLACEHOLDER, matches, problems, substitute
from apps.integrations.catalog.provider_config import call_defaults, filled_params, filled_url, placeholder_values
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
    """`(fields, params)` stripped, with defaults. Raises InvalidInput with errors for `field.x` or `param.x`."""
    entered = {name: _stripped(value) for name, value in params.items()}
    wanted = entry.params_from("user")
    errors = [(f"field.{name}", message) for name, message in field_problems(entry, fields)]
    errors += [(f"param.{name}", message) for name, message in problems(entry.name, wanted, entered)]
    if errors:
        raise InvalidInput(errors)
    values = {param.name: str(entered.get(param.name) or param.default) for param in wanted}
    return {field.name: str(_entered(entry, field, fields)) for field in entry.fields}, values


def field_problems(entry: CatalogEntry, fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with the entered fields, as (name, message). No message contains a value."""
    known = {field.name for field in entry.fields}
    errors = [
        (name[:60], gettext("%(service)s has no such field.") % {"service": entry.name})
        for name in fields
        if name not in known
    ]
    for field in entry.fields:
        message = _problem(entry, field, _entered(entry, field, fields))
        if message:
            errors.append((field.name, message))
    return errors


def _entered(entry: CatalogEntry, field: Field, fields: Mapping[str, object]) -> object:
    """The entered value without spaces around it, and without the prefix that is sent before it anyway."""
    value = _stripped(fields.get(field.name))
    templates = entry.api_key.headers.values() if entry.api_key else ()
    for template in templates:
        prefix = template.removesuffix(f"{{{field.name}}}")
        if isinstance(value, str) and prefix != template and prefix.strip():
            value = _without_prefix(value, prefix)
    return value


def _without_prefix(value: str, prefix: str) -> str:
    """`value` without `prefix`, which must be followed by a space unless it ends with one character such as `=`."""
    is_word = prefix.endswith(" ")
    start, rest = value[: len(prefix.strip())], value[len(prefix.strip()) :]
    if start.casefold() != prefix.strip().casefold() or (is_word and not rest[:1].isspace()):
        return value
    return rest.strip() or value


def _problem(entry: CatalogEntry, field: Field, value: object) -> str:
    if value is None or value == "":
        return gettext("Enter %(label)s.") % {"label": field.label}
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        return gettext("%(label)s must be one line of text.") % {"label": field.label}
    return _character_problem(entry, field, value) or _pattern_problem(field, value)


def _character_problem(entry: CatalogEntry, field: Field, value: str) -> str:
    if entry.kind != "basic" and not value.isascii():
        return gettext("%(label)s contains characters that cannot be sent. Copy it again.") % {"label": field.label}
    if entry.basic and field.name in PLACEHOLDER.findall(entry.basic.username) and ":" in value:
        return gettext("%(label)s cannot contain a colon.") % {"label": field.label}  # RFC 7617 2
    return ""


def _pattern_problem(field: Field, value: str) -> str:
    if not field.pattern or matches(field, value):
        return ""
    hint = field.hint or gettext("It looks like %(example)s.") % {"example": field.example}
    return gettext("%(label)s is not in the expected format. %(hint)s") % {"label": field.label, "hint": hint}


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def key_access(entry: CatalogEntry, *, fields: Mapping[str, str], params: Mapping[str, str]) -> PlainCredentials:
    """The headers, query parameters or path that authenticate calls, with the fields filled in.

    Raises IntegrationMisconfigured for a field that a custom API requires since the fields were entered.
    """
    if missing := [field.label for field in entry.fields if field.name not in fields]:
        raise IntegrationMisconfigured(
            gettext("%(service)s now requires %(missing)s. Replace the key of the connection.")
            % {"service": entry.name, "missing": missing[0]}
        )
    placeholders = placeholder_values(entry, None, params)
    default_headers, default_query = call_defaults(entry, placeholders)
    values = {**placeholders, **fields}
    if entry.basic:
        pair = f"{substitute(entry.basic.username, values)}:{substitute(entry.basic.password, values)}"
        basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        default_headers = {**default_headers, "Authorization": basic}
    if entry.api_key:
        headers = {name: substitute(value, values) for name, value in entry.api_key.headers.items()}
        query = {name: substitute(value, values) for name, value in entry.api_key.query.items()}
        return PlainCredentials(
            {**default_headers, **headers}, {**default_query, **query}, substitute(entry.api_key.path, values)
        )
    if entry.basic or entry.kind == "none":
        return PlainCredentials(default_headers, default_query)
    raise IntegrationMisconfigured(gettext("%(service)s does not use a key.") % {"service": entry.name})


def oauth1_provider(integration: Integration, *, oauth_app: OAuthApp, params: Mapping[str, str]) -> OAuth1Provider:
    """The provider config of a service with OAuth 1.0a. Raises IntegrationMisconfigured."""
    entry = entry_for(integration)
    if entry.oauth1 is None:
        raise IntegrationMisconfigured(gettext("%(service)s does not use OAuth 1.0a.") % {"service": entry.name})
    values = placeholder_values(entry, oauth_app, params)
    config = {name: value for name, value in vars(entry.oauth1).items() if name != "keep"}
    config |= {name: filled_url(entry, config[name], values) for name in config if name.endswith("_url")}
    return OAuth1Provider(slug=entry.slug, name=entry.name, kept=entry.oauth1.keep, **config)


def verification_of(
    entry: CatalogEntry, *, fields: Mapping[str, str], params: Mapping[str, str], oauth_app: OAuthApp | None = None
) -> Verification | None:
    """The call that shows whether the credentials work, its URL filled in; None where the service has none."""
    if entry.verification is None:
        return None
    values = placeholder_values(entry, oauth_app, params)
    in_url = {field.name: fields[field.name] for field in _fields_in_urls(entry, fields)}
    url = filled_url(entry, entry.verification.url, values | in_url)
    headers = filled_params(entry, entry.verification.headers, values)
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
    """The signer of requests to a service with OAuth 1.0a."""
    headers, query = call_defaults(entry, placeholder_values(entry, oauth_app, params))
    return SignedCredentials(consumer, token, token_secret, headers, query)


def _fields_in_urls(entry: CatalogEntry, fields: Mapping[str, str]) -> list[Field]:
    """The fields that may be part of a URL: an account number, never a secret."""
    return [field for field in entry.fields if field.pattern and not field.secret and field.name in fields]


def named_base_urls(
    entry: CatalogEntry, *, params: Mapping[str, str], oauth_app: OAuthApp | None = None
) -> dict[str, str]:
    """The base URLs of the entry's `[[hosts]]` by name, without those that depend on a value that is not known."""
    if not entry.hosts:
        return {}
    values = placeholder_values(entry, oauth_app, params)
    urls = {host.name: filled_url(entry, host.base_url, values) for host in entry.hosts}
    return {name: url.rstrip("/") for name, url in urls.items() if url}


def api_hosts(entry: CatalogEntry, *, params: Mapping[str, str], oauth_app: OAuthApp | None = None) -> frozenset[str]:
    """Hosts (with port) to which the credentials of this connection may be sent: those of the API and account call."""
    values = placeholder_values(entry, oauth_app, params)
    urls = [entry.api.base_url, *(host.base_url for host in entry.hosts)]
    urls += [call.url for call in (entry.account, entry.verification) if call]
    # The path of the verification may hold a field; it does not matter for the host.
    hosts = (urlsplit(PLACEHOLDER.sub(lambda match: values.get(match[1], "0"), url)).netloc for url in urls)
    return frozenset(hosts)


def main_secret(entry: CatalogEntry, fields: Mapping[str, str]) -> str:
    """The value that identifies the credential: the first secret field."""
    return next((fields[field.name] for field in entry.fields if field.secret and field.name in fields), "")


def ending(secret: str) -> str:
    """The last four characters of a long secret, by which people recognize it; empty for a short one."""
    return secret[-4:] if len(secret) >= 20 else ""


def preview_of(entry: CatalogEntry) -> str:
    """The base URL with the placeholders that the person enters, for a live preview; "" without any."""
    names = {param.name for param in entry.params_from("user")}
    return entry.api.base_url if names & set(PLACEHOLDER.findall(entry.api.base_url)) else ""


def consent_preview(entry: CatalogEntry) -> str:
    """The authorization URL with the placeholders that the person enters, for a live preview; "" without any."""
    names = {param.name for param in entry.params_from("user")}
    address = entry.oauth2.authorization_url if entry.oauth2 else ""
    others = set(PLACEHOLDER.findall(address)) - names
    return address if names & set(PLACEHOLDER.findall(address)) and not others else ""


def shown_host(entry: CatalogEntry, params: Mapping[str, str] | None = None) -> str:
    """The host to which the credentials are sent; "" while it depends on a value that is not entered yet."""
    values = {**{param.name: param.default for param in entry.params}, **(params or {})}
    address = entry.client_credentials.token_url if entry.client_credentials else entry.api.base_url
    host = urlsplit(address).netloc or address
    if any(not values.get(name) for name in PLACEHOLDER.findall(host)):
        return ""
    return urlsplit(substitute(address, values)).netloc


def sent_as(entry: CatalogEntry) -> list[str]:
    """How the credentials are sent, one line each, without their values."""
    if entry.client_credentials:
        own = gettext_noop("client ID and secret, for an access token")
        sent = {**entry.api.headers, **{f"?{name}=": text for name, text in entry.api.query.items()}}
        return [own, *(f"{name.rstrip('=')}: …" for name, text in sent.items() if "{further_key}" in text)]
    lines = [gettext("Authorization: Basic …")] if entry.basic else []
    if entry.api_key is None:
        return lines
    lines += [f"{name}: {_masked(value)}" for name, value in entry.api_key.headers.items()]
    lines += [f"?{name}={_masked(value)}" for name, value in entry.api_key.query.items()]
    return lines + ([_masked(entry.api_key.path)] if entry.api_key.path else [])


def _masked(template: str) -> str:
    return PLACEHOLDER.sub("…", template)
