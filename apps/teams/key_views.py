"""Pages of API keys: the list, a new one shown once, and the question before one is revoked."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from apps.errors import NotFound, SpecwayError
from apps.teams import keys, permissions
from apps.teams.decorators import team_required
from apps.teams.forms import ApiKeyForm
from apps.teams.models import ApiKey
from apps.teams.permissions import Action
from apps.teams.querysets import keys_visible_to
from apps.teams.requests import TeamRequest
from apps.teams.services.api_keys import Made, create_api_key, revoke_api_key
from apps.teams.signals import api_key_dependents
from apps.teams.views import get_or_post


@team_required
@never_cache  # after making one, the page holds a key that is shown this once
@get_or_post
def api_keys(request: TeamRequest) -> HttpResponse:
    """The keys that the actor may see, and the form that makes another (POST)."""
    form = ApiKeyForm(request.POST or None)
    made, status = _make(request, form) if request.method == "POST" else (None, 200)
    shown = ApiKeyForm() if made else form
    context = {
        "keys": keys_visible_to(request.actor).filter(revoked_at=None),
        "now": timezone.now(),
        "form": shown,
        "chosen": shown["scopes"].value() or [],
        "made": made,
        "scopes": keys.SCOPES,
        "may_make_service_keys": permissions.may(request.actor, Action.CREATE_SERVICE_KEYS),
    }
    return render(request, "teams/api_keys.html", context, status=status)


def _make(request: TeamRequest, form: ApiKeyForm) -> tuple[Made | None, int]:
    """The new key, if any, and the page's HTTP status; a refusal stands in the form."""
    if not form.is_valid():
        return None, 400
    try:
        made = create_api_key(
            actor=request.actor,
            kind=ApiKey.Kind(form.cleaned_data["kind"]),
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at(),
        )
    except SpecwayError as error:
        form.add_error(None, error.sentence)
        return None, error.status
    return made, 200


@team_required
@get_or_post
def revoke_api_key_page(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Ask, then revoke (POST)."""
    api_key = keys_visible_to(request.actor).filter(pk=pk, revoked_at=None).first()
    if api_key is None:
        raise NotFound("There is no such API key that you may revoke.")
    if request.method == "POST":
        revoke_api_key(actor=request.actor, api_key_id=pk)
        messages.success(request, f"The key {api_key.name} is revoked. Nothing accepts it any more.")
        return redirect("teams:api_keys")
    answers: list[tuple[Any, Any]] = api_key_dependents.send(ApiKey, api_key=api_key)
    dependents = [row for _, rows in answers for row in rows]
    return render(request, "teams/revoke_api_key.html", {"api_key": api_key, "dependents": dependents})
