"""The page of a connect session's link for a service with an API key, which the member enters there."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.connections.models import Connection, ConnectSession
from apps.connections.services import connect_sessions
from apps.connections.services.credentials import connect_with_key, keyed, replace_key
from apps.connections.services.names import given_names
from apps.connections.services.session_outcome import outcome_of
from apps.connections.views.connect_return import return_context
from apps.connections.views.keys import KEY_ERRORS, if_unchecked_of, problem_context, replace_form
from apps.connections.views.session_sharing import requested_sharing, sharing_context
from apps.errors import SpecwayError
from apps.integrations.errors import InvalidInput
from apps.integrations.key_forms import ConnectKeyForm, ReplaceKeyForm
from apps.integrations.keys import preview_of, shown_host
from apps.teams.actor import Actor
from apps.teams.middleware import SESSION_TEAM

KeyForm = ConnectKeyForm | ReplaceKeyForm


@sensitive_variables()
def key_page(request: HttpRequest, actor: Actor, session: ConnectSession) -> HttpResponse:
    """The form for the key of the session's service; a refused key can be corrected with the same link."""
    entry = keyed(session.integration)
    outcome, _, why = outcome_of(session, now=timezone.now())
    usable = outcome == "pending" and session.used_at is None
    form = _form(session, request.POST if request.method == "POST" and usable else None)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            _connect(request, actor, session, form)
        except InvalidInput as error:
            form.show(error)
        except KEY_ERRORS as error:
            problem = error
        else:
            return redirect("connections:connect_done", session.pk)
    context = {
        "session": session,
        "integration": session.integration,
        "entry": entry,
        "usable": usable,
        "outcome": outcome,
        "why": why,
        "key_form": form,
        "host": shown_host(entry, session.connection.params if session.repairs and session.connection else {}),
        "preview": "" if session.repairs else preview_of(entry),
        **sharing_context(session, request.POST),
        **return_context(session),
        **problem_context(problem, can_store=entry.client_credentials is None),
    }
    status = 410 if not usable else problem.status if problem else 400 if form.errors else 200
    return render(request, "connections/link_key.html", context, status=status)


@sensitive_variables()
def _connect(request: HttpRequest, actor: Actor, session: ConnectSession, form: KeyForm) -> None:
    """Use the link and store the key. If that fails, the link can be used again."""
    shares = requested_sharing(session, request.POST)
    # The pages that follow belong to this team.
    request.session[SESSION_TEAM] = str(session.team_id)
    connect_sessions.consume(actor=actor, session=session, shares=shares)
    try:
        connection = _store(request, actor, session, form)
    except SpecwayError:
        connect_sessions.reopen(session)
        raise
    connect_sessions.connected(session, connection, origin=actor.origin)


def _form(session: ConnectSession, data: Any) -> KeyForm:
    if session.repairs and session.connection:
        return replace_form(session.connection, data)
    return ConnectKeyForm(keyed(session.integration), data)


@sensitive_variables()
def _store(request: HttpRequest, actor: Actor, session: ConnectSession, form: KeyForm) -> Connection:
    unchecked = if_unchecked_of(request)
    if isinstance(form, ConnectKeyForm):
        return connect_with_key(
            actor=actor,
            integration=session.integration,
            fields=form.key_fields,
            params=form.params,
            name=form.cleaned_data["name"],
            if_unchecked=unchecked,
            names=given_names(session),
            connect_session=session.pk,
        )
    if session.connection is None:
        raise connect_sessions.nothing_to_repair()
    return replace_key(
        actor=actor,
        connection=session.connection,
        fields=form.key_fields,
        params=form.params,
        if_unchecked=unchecked,
    )
