"""Try an action: one request through a connection, as a workflow would send it, and the service's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps import egress
from apps.connections.errors import TriedTooOften
from apps.connections.models import Connection
from apps.connections.services.connection_params import provider_of
from apps.connections.services.eligibility import Eligibility, eligible_connections, only_eligible
from apps.connections.services.listed_integrations import listed
from apps.errors import NotFound, SpecwayError
from apps.gateway.proxy.response import CLIENT_GONE
from apps.gateway.services import calls
from apps.gateway.try_action.code_samples import curl_line, python_lines
from apps.gateway.try_action.forms import TryForm
from apps.gateway.try_action.send import Wanted, send
from apps.integrations.connecting import can_connect, connect_form
from apps.integrations.custom_apis.operations import Offered, operations_of
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest
from apps.teams.throttling import count

# What a link may fill in; sending is a click on this page, never a link.
_PREFILLED = ("method", "path", "query", "body")


@dataclass(frozen=True)
class Choice:
    """What is chosen so far. `scopes` are what the operation needs."""

    integration: Integration | None
    operations: Sequence[Offered]
    operation: Offered | None
    fits: list[Eligibility]
    connection: Connection | None

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.operation.scopes if self.operation else ()

    @property
    def here(self) -> str:
        """The address of this page with the same service and operation; a trip leads back to it."""
        chosen = {
            "integration": self.integration.slug if self.integration else "",
            "operation": str(self.operation.position) if self.operation else "",
        }
        return f"{reverse('gateway:try')}?{urlencode({name: value for name, value in chosen.items() if value})}"


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
@sensitive_post_parameters("query", "headers", "body")
def try_action(request: TeamRequest) -> HttpResponse:
    """The page. A link fills it in; only its form sends."""
    if request.method == "POST":
        return _sent(request)
    services = _services(request.actor)
    choice = _choice(request.actor, request.GET, services)
    form = TryForm(initial=_initial(request.GET, choice.operation))
    return _page(request, choice, form, services=services)


def _sent(request: TeamRequest) -> HttpResponse:
    services = _services(request.actor)
    choice = _choice(request.actor, request.POST, services)
    form = TryForm(request.POST, base=_base(choice.connection))
    if not form.is_valid() or choice.connection is None:
        missing = "" if choice.connection else "Choose the connection to send it through."
        return _page(request, choice, form, services=services, status=400, missing=missing)
    given = form.cleaned_data
    wanted = Wanted(
        given["method"], given["rest"], given["search"], given["headers"], given["body"], scopes=choice.scopes
    )
    shown: dict[str, Any] = {"lines": _lines(choice.connection, wanted)}
    try:
        _require_rate(request.actor)
        client = request.META.get("gunicorn.socket")
        shown["answered"] = send(actor=request.actor, connection=choice.connection, wanted=wanted, client=client)
    except egress.Abandoned:
        return HttpResponse(status=CLIENT_GONE)
    except SpecwayError as error:
        # What was found out on the way (a dead grant, a lost permission) stands in the picker, too.
        choice = _choice(request.actor, request.POST, services)
        return _page(request, choice, form, services=services, status=error.status, error=error, **shown)
    return _page(request, choice, form, services=services, **shown)


def _require_rate(actor: Actor) -> None:
    """Raises TriedTooOften: this page is no way around the API's limit, and counts with it."""
    quota = settings.API_RATES["default"]
    standing = count("default", str(actor.user.pk if actor.user else ""), quota) if quota else None
    if standing is not None and standing.is_over:
        sentence = f"You sent {quota} requests within a minute. Wait until the next one begins."
        raise TriedTooOften(sentence, retry_after=standing.reset)


def _services(actor: Actor) -> list[Integration]:
    """The services that a request could go to, by name; `connected` tells whether there is a connection already."""
    ready: list[Integration] = [one for one in listed(actor) if one.connected or one.is_set_up]  # type: ignore[attr-defined]
    return sorted(ready, key=lambda one: one.name.casefold())


def _choice(actor: Actor, data: Mapping[str, Any], services: list[Integration]) -> Choice:
    """Raises NotFound for what the actor may not see, NotAllowed for another's personal connection.

    `new` is the connection that a trip in the same tab came back with.
    """
    named = data.get("connection", "") or data.get("new", "")
    connection = calls.usable(actor=actor, pk=_uuid(named)) if named else None
    integration = connection.integration if connection else _integration(actor, data.get("integration", ""), services)
    if integration is None:
        return Choice(None, (), None, [], None)
    operations = operations_of(integration)
    position = data.get("operation", "")
    operation = next((one for one in operations if str(one.position) == position), None)
    fits = eligible_connections(actor, integration, operation.scopes if operation else ())
    only = only_eligible(fits)
    if connection is None and only and not named:
        connection = calls.usable(actor=actor, pk=only.connection.pk)
    return Choice(integration, operations, operation, fits, connection)


def _integration(actor: Actor, slug: str, services: list[Integration]) -> Integration | None:
    if slug:
        found = Integration.objects.visible_to(actor).with_slug(slug)
        if found is None:
            raise NotFound("There is no such service.")
        return found
    return next((one for one in services if one.connected), None)  # type: ignore[attr-defined]  # annotated


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such connection.") from None


def _initial(data: Mapping[str, Any], operation: Offered | None) -> dict[str, str]:
    offered = {"method": operation.method, "path": operation.path} if operation else {"method": "GET"}
    return offered | {name: data[name] for name in _PREFILLED if name in data}


def _base(connection: Connection | None) -> str:
    """The address that a path continues; "" where it is not known."""
    if connection is None:
        return ""
    try:
        return provider_of(connection).api_base_url or ""
    except SpecwayError:
        return ""


def _lines(connection: Connection, wanted: Wanted) -> dict[str, str]:
    path = reverse("api:connection_proxy", kwargs={"pk": connection.pk, "path": "x"}).removesuffix("x")
    url = f"{settings.PUBLIC_URL}{path}{wanted.rest}" + (f"?{wanted.search}" if wanted.search else "")
    scopes = [("Specway-Scopes", " ".join(wanted.scopes))] if wanted.scopes else []
    parts: dict[str, Any] = {"method": wanted.method, "url": url, "body": wanted.body}
    headers = [*wanted.headers, *scopes]
    return {"curl": curl_line(**parts, headers=headers), "python": python_lines(**parts, headers=headers)}


def _page(
    request: TeamRequest, choice: Choice, form: TryForm, *, services: list[Integration], status: int = 200, **shown: Any
) -> HttpResponse:
    context = {
        "choice": choice,
        "form": form,
        "services": services,
        "base": _base(choice.connection).removeprefix("https://").removeprefix("http://").rstrip("/"),
        "has_more": any(form[name].value() or form[name].errors for name in ("query", "headers")),
        **shown,
    }
    partial = request.method == "POST" and getattr(request, "htmx", False)
    template = "_work.html" if partial else "page.html"
    if not partial and choice.integration:
        form_of_service = connect_form(request.actor.team, choice.integration, needed=choice.scopes)
        context["connect"] = form_of_service if can_connect(form_of_service) else None
    response = render(request, f"connections/try/{template}", context, status=status)
    if partial and status >= 400:
        # Failures are shown in their place, not above the page.
        response["HX-Retarget"], response["HX-Reswap"] = "#work", "outerHTML"
    return response
