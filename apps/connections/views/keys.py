"""Connecting with a key, and putting another one in its place: a form, a real call, and an answer in words."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from apps.connections.errors import AnotherAccount, KeyNotChecked, KeyRefused
from apps.connections.models import Connection, Credential
from apps.connections.services.connection_params import required_params
from apps.connections.services.credentials import (
    IfUnchecked,
    connect_with_key,
    is_for_current_base_url,
    keyed,
    replace_key,
    stored_ending,
)
from apps.connections.views.lookup import integration_of, managed_connection
from apps.errors import SpecwayError
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.key_forms import ConnectKeyForm, ReplaceKeyForm
from apps.integrations.keys import preview_of, sent_as, shown_host
from apps.integrations.models import Integration
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

KEY_ANSWERS = (KeyRefused, KeyNotChecked, AnotherAccount)


@sensitive_variables()
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def connect(request: TeamRequest, slug: str) -> HttpResponse:
    """The form alone; sent, the values are checked by a real call and stored. Nothing is where the service refuses."""
    integration = integration_of(request.actor, slug)
    entry = keyed(integration)
    form = ConnectKeyForm(entry, request.POST if request.method == "POST" else None)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            made = connect_with_key(
                actor=request.actor,
                integration=integration,
                fields=form.key_fields,
                params=form.params,
                name=form.cleaned_data["name"],
                if_unchecked=if_unchecked_of(request),
            )
        except InvalidInput as wrong:
            form.show(wrong)
        except KEY_ANSWERS as answer:
            problem = answer
        else:
            _tell(request, made, entry_has_check=entry.verification is not None)
            if _stays(request):
                again = _connect_context(integration, entry, ConnectKeyForm(entry))
                return _told(render(request, "connections/try/_connect_key.html", again | {"told": True}), made)
            return redirect(f"{reverse('connections:list')}?{urlencode({'new': str(made.pk)})}")
    context = _connect_context(integration, entry, form, problem)
    if _stays(request):
        return render(request, "connections/try/_connect_key.html", context)
    return render(request, "connections/connect_key.html", context, status=_status(form, problem))


@sensitive_variables()
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def replace(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """What is stored, as far as it may be told, and the form that replaces it."""
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
        except InvalidInput as wrong:
            form.show(wrong)
        except KEY_ANSWERS as answer:
            problem = answer
        else:
            sentence = f"{replaced.name} has new values."
            if entry.fields:
                sentence += " The old ones are erased here; delete them there too."
            messages.success(request, sentence)
            if _stays(request):
                return _told(render(request, "connections/try/_messages.html"), replaced)
            return redirect("connections:key", replaced.pk)
    context = {
        "connection": connection,
        "integration": connection.integration,
        "entry": entry,
        "key_form": form,
        "wanted": form.wanted,
        "is_moved": not is_for_current_base_url(connection),
        "credential": Credential.objects.defer("fields").filter(connection=connection).first(),
        "ending": stored_ending(connection),
        "sent_as": sent_as(entry),
        "host": shown_host(entry, connection.params),
        **problem_context(problem, can_store=entry.client_credentials is None),
    }
    if _stays(request):
        part = "_replace_key.html" if request.method == "POST" else "_replace_dialog.html"
        return render(request, f"connections/try/{part}", context)
    return render(request, "connections/key.html", context, status=_status(form, problem))


def replace_form(connection: Connection, posted: Any) -> ReplaceKeyForm:
    """The form for other values: all of them where what is stored was entered for other addresses."""
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


def _stays(request: TeamRequest) -> bool:
    """Whether another page shows the form in a dialog, and stays. It gets every answer with 200: htmx drops others."""
    return bool(getattr(request, "htmx", False))


def _told(response: HttpResponse, connection: Connection) -> HttpResponse:
    """The page that stays hears of the connection as it does after a trip."""
    return trigger_client_event(response, "specway:connected", {"connection": str(connection.pk)}, after="swap")


def if_unchecked_of(request: HttpRequest) -> IfUnchecked:
    """What the button says that was pressed."""
    return "store" if request.POST.get("unchecked") == "store" else "refuse"


def problem_context(problem: SpecwayError | None, *, can_store: bool) -> dict[str, Any]:
    """The answer above the form. Storing unchecked is offered only after a check could not be made."""
    unclear = isinstance(problem, KeyNotChecked)
    return {"problem": problem, "is_unclear": unclear, "may_store": unclear and can_store}


def _status(form: Any, problem: SpecwayError | None) -> int:
    if problem is not None:
        return problem.status
    return 400 if form.errors else 200


def _tell(request: TeamRequest, connection: Connection, *, entry_has_check: bool) -> None:
    service = connection.integration.name
    has_token = connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS
    if has_token or Credential.objects.filter(connection=connection, checked_at__isnull=False).exists():
        messages.success(request, f"{connection.name} is connected: {service} accepts what you entered.")
    elif entry_has_check:
        messages.warning(request, f"{connection.name} is stored unchecked. Its first use shows whether it works.")
    else:
        sentence = f"{connection.name} is stored, not checked: {service} has no call that only tells who you are."
        messages.info(request, f"{sentence} Its first use shows whether it works.")
