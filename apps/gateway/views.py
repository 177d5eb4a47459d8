"""*Try an action*: one request through a connection, as a workflow would send it, and the service's response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps import egress
from apps.connections.models import Connection
from apps.connections.services.connection_params import provider_of
from apps.connections.services.eligibility import (
    MOST_LISTED,
    Eligibility,
    eligible_connections,
    preferred_eligible,
    usable_count,
)
from apps.connections.services.listed_integrations import counts_of, listed
from apps.errors import NotFound, SpecwayError
from apps.gateway.proxy.response import CLIENT_GONE
from apps.gateway.services import calls
from apps.gateway.try_action.code_samples import curl_command, python_script
from apps.gateway.try_action.forms import TryForm
from apps.gateway.try_action.send import TryRequest, send
from apps.integrations.catalog.entries import entry_for
from apps.integrations.connecting import can_connect, connect_form
from apps.integrations.custom_apis.operations import Offered, operations_of
from apps.integrations.keys import named_base_urls
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest
from apps.teams.throttling import require_rate

# Fields that a link may prefill; only the page's own form sends the request.
_PREFILLED = ("method", "path", "query", "body")


@dataclass(frozen=True)
class Choice:
    """What is chosen so far, with the connections of the service in `eligible`: of many, some that match `search`."""

    integration: Integration | None
    operations: Sequence[Offered]
    operation: Offered | None
    eligible: list[Eligibility]
    connection: Connection | None
    search: str = ""
    # The number of all that match.
    count: int = 0

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the operation requires."""
        return self.operation.scopes if self.operation else ()

    @property
    def url(self) -> str:
        """This page with the same service and operation; an authorization flow returns to it."""
        parameters = {
            "integration": self.integration.slug if self.integration else "",
            "operation": str(self.operation.position) if self.operation else "",
        }
        return f"{reverse('gateway:try')}?{urlencode({name: value for name, value in parameters.items() if value})}"


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
@sensitive_post_parameters("query", "headers", "body")
def try_action(request: TeamRequest) -> HttpResponse:
    """The page. A link may prefill it; only its form sends the request."""
    if request.method == "POST":
        return _send(request)
    services = _services(request.actor)
    choice = _preselected(request.actor, _choice(request.actor, request.GET, services))
    form = TryForm(initial=_initial(request.GET, choice.operation))
    return _page(request, choice, form, services=services)


def _send(request: TeamRequest) -> HttpResponse:
    services = _services(request.actor)
    choice = _choice(request.actor, request.POST, services)
    form = TryForm(request.POST, base=_base(choice.connection), hosts=_hosts(choice.connection))
    if not form.is_valid() or choice.connection is None:
        missing = "" if choice.connection else gettext("Choose the connection to send it through.")
        return _page(request, choice, form, services=services, status=400, missing=missing)
    data = form.cleaned_data
    to_send = TryRequest(
        data["method"], data["target_path"], data["target_query"], data["headers"], data["body"], scopes=choice.scopes
    )
    result: dict[str, Any] = {"code_samples": _code_samples(choice.connection, to_send)}
    try:
        require_rate(request.actor)
        client = request.META.get("gunicorn.socket")
        result["result"] = send(actor=request.actor, connection=choice.connection, request=to_send, client=client)
    except egress.ClientDisconnected:
        return HttpResponse(status=CLIENT_GONE)
    except SpecwayError as error:
        # The call may have changed the connection's status (a revoked grant, a lost permission): load it again.
        choice = _choice(request.actor, request.POST, services)
        return _page(request, choice, form, services=services, status=error.status, error=error, **result)
    return _page(request, choice, form, services=services, **result)


def _services(actor: Actor) -> list[Integration]:
    """The services that can be called or connected, by name; `connected` counts the connections."""
    ready = [one for one in listed(actor) if counts_of(one).connected or counts_of(one).is_set_up]
    return sorted(ready, key=lambda one: one.name.casefold())


def _choice(actor: Actor, data: Mapping[str, Any], services: list[Integration]) -> Choice:
    """Raises NotFound for what the actor may not see, NotAllowed for another member's personal connection.

    The parameter `new` is the connection that an authorization flow in the same tab created.
    """
    selected = data.get("connection", "") or data.get("new", "")
    connection = calls.usable_connection(actor=actor, pk=_uuid(selected)) if selected else None
    integration = connection.integration if connection else _integration(actor, data.get("integration", ""), services)
    if integration is None:
        return Choice(None, (), None, [], None)
    operations = operations_of(integration)
    position = data.get("operation", "")
    operation = next((one for one in operations if str(one.position) == position), None)
    scopes, search = operation.scopes if operation else (), data.get("find", "").strip()[:100]
    chosen = connection.pk if connection else None
    eligible = eligible_connections(actor, integration, scopes, search=search, chosen=chosen)
    is_bounded = search or len(eligible) >= MOST_LISTED
    count = usable_count(actor, integration, search=search) if is_bounded else len(eligible)
    return Choice(integration, operations, operation, eligible, connection, search, count)


def _preselected(actor: Actor, choice: Choice) -> Choice:
    """The choice with the preferred connection, unless one is chosen. Only the form decides what a request uses."""
    preferred = preferred_eligible(choice.eligible)
    if choice.connection is not None or preferred is None:
        return choice
    return replace(choice, connection=calls.usable_connection(actor=actor, pk=preferred.connection.pk))


def _integration(actor: Actor, slug: str, services: list[Integration]) -> Integration | None:
    if slug:
        found = Integration.objects.visible_to(actor).with_slug(slug)
        if found is None:
            raise NotFound(gettext("There is no such service."))
        return found
    return next((one for one in services if counts_of(one).connected), None)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(gettext("There is no such connection.")) from None


def _initial(data: Mapping[str, Any], operation: Offered | None) -> dict[str, str]:
    offered = {"method": operation.method, "path": operation.path} if operation else {"method": "GET"}
    return offered | {name: data[name] for name in _PREFILLED if name in data}


def _base(connection: Connection | None) -> str:
    """The base URL that the path continues; "" if it is not known."""
    if connection is None:
        return ""
    try:
        return provider_of(connection).api_base_url or ""
    except SpecwayError:
        return ""


def _hosts(connection: Connection | None) -> dict[str, str]:
    """The base URLs of further API hosts by name."""
    if connection is None:
        return {}
    try:
        entry = entry_for(connection.integration)
        return named_base_urls(entry, params=connection.params, oauth_app=connection.oauth_app)
    except SpecwayError:
        return {}


def _code_samples(connection: Connection, to_send: TryRequest) -> dict[str, str]:
    path = reverse("api:connection_proxy", kwargs={"pk": connection.pk, "path": "x"}).removesuffix("x")
    url = f"{settings.PUBLIC_URL}{path}{to_send.path}" + (f"?{to_send.query}" if to_send.query else "")
    scopes = [("Specway-Scopes", " ".join(to_send.scopes))] if to_send.scopes else []
    parts: dict[str, Any] = {"method": to_send.method, "url": url, "body": to_send.body}
    headers = [*to_send.headers, *scopes]
    return {"curl": curl_command(**parts, headers=headers), "python": python_script(**parts, headers=headers)}


def _page(
    request: TeamRequest,
    choice: Choice,
    form: TryForm,
    *,
    services: list[Integration],
    status: int = 200,
    **result: Any,
) -> HttpResponse:
    context = {
        "choice": choice,
        "form": form,
        "services": services,
        "base": _base(choice.connection).removeprefix("https://").removeprefix("http://").rstrip("/"),
        # The base URL before the field ends with the slash.
        "path": str(form["path"].value() or "").removeprefix("/"),
        "hosts": _hosts(choice.connection),
        "has_more": any(form[name].value() or form[name].errors for name in ("query", "headers")),
        **result,
    }
    partial = request.method == "POST" and getattr(request, "htmx", False)
    template = "_work.html" if partial else "page.html"
    if not partial and choice.integration:
        service_form = connect_form(request.actor.team, choice.integration, needed=choice.scopes)
        context["connect"] = service_form if can_connect(service_form) else None
    response = render(request, f"connections/try/{template}", context, status=status)
    if partial and status >= 400:
        # Show the failure in place instead of above the page.
        response["HX-Retarget"], response["HX-Reswap"] = "#work", "outerHTML"
    return response
