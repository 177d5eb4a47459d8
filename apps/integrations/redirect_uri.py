"""The redirect URI of an OAuth app: the common callback, or one of its own.

With a common callback, a malicious authorization server can forward a person to the consent page of another service and
receive that service's code (draft-ietf-oauth-security-topics-update, cross-app OAuth account takeover). So every app
for which anyone but an operator can enter a part of a host to which codes or refresh tokens are sent has its own.
"""

from collections.abc import Iterator
from uuid import UUID, uuid5

from django.conf import settings
from django.urls import reverse

from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import PLACEHOLDER
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.models import Callback, Integration, OAuthApp
from apps.teams.models import Team


def common_redirect_uri() -> str:
    """The callback that apps share whose hosts are fixed by the catalog or by operators."""
    return f"{settings.PUBLIC_URL}{reverse('connections:callback')}"


def redirect_uri(oauth_app: OAuthApp) -> str:
    """The absolute redirect URI to register at the service and to send with each request.

    For an app that is not registered yet, pass `unregistered_app()`: its URI is the same once it is saved.
    """
    callback = callback_of(oauth_app)
    if callback == Callback.COMMON:
        return common_redirect_uri()
    name = "nested_callback" if callback == Callback.NESTED else "own_callback"
    return f"{settings.PUBLIC_URL}{reverse(f'connections:{name}', args=[_callback_id(oauth_app)])}"


def custom_api_redirect_uri(integration: Integration) -> str:
    """The redirect URI of a custom API, whether its client is registered or not."""
    return redirect_uri(unregistered_app(integration))


def unregistered_app(integration: Integration, team: Team | None = None) -> OAuthApp:
    """An unsaved app, for the redirect URI that has to be registered before client ID and secret are known."""
    return OAuthApp(integration=integration, team=integration.team or team)


def callback_of(oauth_app: OAuthApp) -> Callback:
    """Which callback the app uses. This is the only place that decides it.

    A custom API and an app with a host of its team can never share the common callback, except that an admin may switch
    a custom API to it (with a warning). Apps whose hosts members can complete may keep it where it was registered
    before own callbacks existed.
    """
    integration = oauth_app.integration
    if integration.team_id is not None:
        return Callback(integration.callback)
    typed = {param.source for param in typed_host_params(entry_of(integration))}
    if oauth_app.team_id is not None and "client" in typed:
        return Callback.OWN
    return Callback(oauth_app.callback) if typed - {"client"} else Callback.COMMON


def may_keep_common_callback(oauth_app: OAuthApp) -> bool:
    """Whether the app still uses the common callback although its redirect URI should be its own."""
    typed = {param.source for param in typed_host_params(entry_of(oauth_app.integration))}
    return bool(typed - {"client"}) and callback_of(oauth_app) == Callback.COMMON


def typed_host_params(entry: CatalogEntry | None) -> list[Param]:
    """The parameters that are part of a host to which codes, secrets or refresh tokens are sent, and are not limited to
    a list of values in the catalog."""
    if entry is None:
        return []
    names = {name for url in _credential_urls(entry) for name in PLACEHOLDER.findall(host_of(url))}
    return [param for param in entry.params if param.name in names and not param.choices]


def _credential_urls(entry: CatalogEntry) -> Iterator[str]:
    if oauth2 := entry.oauth2:
        yield oauth2.authorization_url
        yield oauth2.token_url
        yield oauth2.refresh.url or ""
        yield oauth2.long_lived.url if oauth2.long_lived else ""
    if oauth1 := entry.oauth1:
        yield oauth1.request_token_url
        yield oauth1.authorization_url
        yield oauth1.access_token_url


def host_of(url: str) -> str:
    """Host and port of a URL template; the placeholder itself where that is a whole origin."""
    _, separator, rest = url.partition("://")
    return (rest if separator else url).partition("/")[0]


def _callback_id(oauth_app: OAuthApp) -> UUID:
    """Stable and known before the app is saved. Apps of different teams at one service have different callbacks."""
    integration = oauth_app.integration
    if integration.team_id is not None or oauth_app.team_id is None:
        return integration.pk
    return uuid5(integration.pk, str(oauth_app.team_id))
