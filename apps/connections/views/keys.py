"""Connecting with an API key and replacing it: a form, a verification call, and its result."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from apps.connections.errors import AnotherAccount, KeyNotChecked, KeyRefused
from apps.connections.models import Connection, Credential
from apps.connections.services.connection_params import required_params
from apps.connections.services.credentials import IfUnchecked, connect_with_key, keyed, replace_key, stored_ending
from apps.connections.services.expiring import set_key_end
from apps.connections.services.stored_key import is_for_current_base_url
from apps.connections.views.lookup import integration_of, managed_connection
from apps.errors import SpecwayError
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.key_forms import ConnectKeyForm, KeyEndForm, ReplaceKeyForm
from apps.integrations.keys import preview_of, sent_as, shown_host
from apps.integrations.models import Integration
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

_FIRST_USE = _("Its first use will show whether it works.")
KEY_ERRORS = (KeyRefused, KeyNotChecked, AnotherAccount)


@sensitive_variables()
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def connect(request: TeamRequest, slug: str) -> HttpResponse:
    """The form; on POST the values are verified by a call to the service and stored, unless it refuses them."""
    integration = integration_of(request.actor, slug)
    entry = keyed(integration)
    form = ConnectKeyForm(entry, request.POST if request.method == "POST" else None)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            connection = connect_with_key(
                actor=request.actor,
                integration=integration,
                fields=form.key_fields,
                params=form.params,
                name=form.cleaned_data["name"],
                if_unchecked=if_unchecked_of(request),
            )
        except InvalidInput as error:
            form.show(error)
        except KEY_ERRORS as error:
            problem = error
        else:
            if form.cleaned_data.get("expires_on"):
                set_key_end(actor=request.actor, connection=connection, on=form.cleaned_data["expires_on"])
            _add_message(request, connection, entry_has_check=entry.verification is not None)
            if _in_dialog(request):
                empty = _connect_context(integration, entry, ConnectKeyForm(entry))
                response = render(request, "connections/try/_connect_key.html", empty | {"connected": True})
                return _with_connected_event(response, connection)
            return redirect(f"{reverse('connections:list')}?{urlencode({'new': str(connection.pk)})}")
    context = _connect_context(integration, entry, form, problem)
    if _in_dialog(request):
        return render(request, "connections/try/_connect_key.html", context)
    return render(request, "connections/connect_key.html", context, status=_status(form, problem))


@sensitive_variables()
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def replace(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """What is stored, as far as it can be displayed, and the form that replaces it."""
    connection = managed_connection(request.actor, connection_id)
    entry = keyed(connection.integration)
    form = replace_form(connection, request.POST if request.method == "POST" else None)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            replaced = replace_key(
                actor=request.actor,
                connection=connection,
                fields=form.key_fields,
                params=form.params,
                if_unchecked=if_unchecked_of(request),
            )
        except InvalidInput as error:
            form.show(error)
        except KEY_ERRORS as error:
            problem = error
        else:
            if form.cleaned_data.get("expires_on"):
                set_key_end(actor=request.actor, connection=replaced, on=form.cleaned_data["expires_on"])
            message = gettext("%(replaced)s uses the new values.") % {"replaced": replaced.name}
            if entry.fields:
                message += gettext(" The old ones are erased here; delete them there too.")
            messages.success(request, message)
            if _in_dialog(request):
                return _with_connected_event(render(request, "connections/try/_messages.html"), replaced)
            return redirect("connections:key", replaced.pk)
    context = _replace_context(connection, entry, form, problem)
    if _in_dialog(request):
        part = "_replace_key.html" if request.method == "POST" else "_replace_dialog.html"
        return render(request, f"connections/try/{part}", context)
    return render(request, "connections/key.html", context, status=_status(form, problem))


@require_POST
@team_required
def set_end(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Store when the key ends, from the form on its page."""
    connection = managed_connection(request.actor, connection_id)
    form = KeyEndForm(request.POST)
    try:
        if form.is_valid():
            set_key_end(actor=request.actor, connection=connection, on=form.cleaned_data["expires_on"])
    except InvalidInput as error:
        form.add_error("expires_on", error.errors[0][1])
    if form.errors:
        messages.error(request, str(form.errors["expires_on"][0]))
    else:
        messages.success(request, gettext("The end date is saved."))
    return redirect("connections:key", connection.pk)


def _replace_context(
    connection: Connection, entry: CatalogEntry, form: ReplaceKeyForm, problem: SpecwayError | None
) -> dict[str, Any]:
    credential = Credential.objects.defer("fields").filter(connection=connection).first()
    return {
        "connection": connection,
        "integration": connection.integration,
        "entry": entry,
        "key_form": form,
        "wanted": form.wanted,
        "is_moved": not is_for_current_base_url(connection),
        "credential": credential,
        "ending": stored_ending(connection),
        "sent_as": sent_as(entry),
        "end_form": KeyEndForm(auto_id="end_%s", initial={"expires_on": credential.expires_on if credential else None}),
        "host": shown_host(entry, connection.params),
        **problem_context(problem, can_store=entry.client_credentials is None),
    }


def replace_form(connection: Connection, posted: Any) -> ReplaceKeyForm:
    """The form for new values; all are required if the stored ones were entered for another base URL."""
    wanted, is_kept = required_params(connection), is_for_current_base_url(connection)
    return ReplaceKeyForm(keyed(connection.integration), posted, wanted=wanted, is_kept=is_kept and not wanted)


def _connect_context(
    integration: Integration, entry: CatalogEntry, form: ConnectKeyForm, problem: SpecwayError | None = None
) -> dict[str, Any]:
    return {
        "integration": integration,
        "entry": entry,
        "key_form": form,
        "preview": preview_of(entry),
        "host": shown_host(entry),
        **problem_context(problem, can_store=entry.client_credentials is None),
    }


def _in_dialog(request: TeamRequest) -> bool:
    """Whether another page displays the form in a dialog. Every response is 200 then: htmx ignores others."""
    return bool(getattr(request, "htmx", False))


def _with_connected_event(response: HttpResponse, connection: Connection) -> HttpResponse:
    """Trigger the event that the page also gets after an authorization flow."""
    return trigger_client_event(response, "specway:connected", {"connection": str(connection.pk)}, after="swap")


def if_unchecked_of(request: HttpRequest) -> IfUnchecked:
    """The choice of the button that was pressed."""
    return "store" if request.POST.get("unchecked") == "store" else "refuse"


def problem_context(problem: SpecwayError | None, *, can_store: bool) -> dict[str, Any]:
    """The result above the form. Storing without verification is offered only if the verification failed to run."""
    unclear = isinstance(problem, KeyNotChecked)
    return {"problem": problem, "is_unclear": unclear, "may_store": unclear and can_store}


def _status(form: Any, problem: SpecwayError | None) -> int:
    if problem is not None:
        return problem.status
    return 400 if form.errors else 200


def _add_message(request: TeamRequest, connection: Connection, *, entry_has_check: bool) -> None:
    service = connection.integration.name
    has_token = connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS
    if has_token or Credential.objects.filter(connection=connection, checked_at__isnull=False).exists():
        messages.success(
            request,
            gettext("%(connection)s is connected: %(service)s accepted the key.")
            % {"connection": connection.name, "service": service},
        )
    elif entry_has_check:
        messages.warning(
            request,
            gettext("%(connection)s is stored, not verified. %(first_use)s")
            % {"connection": connection.name, "first_use": _FIRST_USE},
        )
    else:
        message = gettext("%(connection)s is stored, not verified: %(service)s has no call to check a key with.") % {
            "connection": connection.name,
            "service": service,
        }
        messages.info(request, f"{message} {_FIRST_USE}")
