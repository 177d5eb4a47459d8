"""The pages of the connection parameters of a custom API."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.errors import NotFound
from apps.integrations.custom_apis.param_forms import ParamForm
from apps.integrations.custom_apis.params import uses_of
from apps.integrations.custom_apis.schema import authentication_from
from apps.integrations.custom_apis.services.params import add_param, change_param, move_param, remove_param
from apps.integrations.custom_apis.services.queries import custom_api_named, dependent_connections
from apps.integrations.custom_apis.views import saved_message
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
_STEPS = {"earlier": -1, "later": 1}


@get_or_post
@never_cache
@team_required
def new(request: TeamRequest, slug: str) -> HttpResponse:
    """Add a parameter. Raises NotFound, NotAllowed."""
    api = _api_to_manage(request, slug)
    form = ParamForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            add_param(actor=request.actor, api=api, param=form.param)
        except InvalidInput as error:
            form.show(error)
        else:
            messages.success(
                request,
                gettext("%(saved_message)s Use {%(param)s} in the URLs.")
                % {"saved_message": saved_message(api), "param": form.param["name"]},
            )
            return redirect("integrations:custom_overview", slug)
    return _page(request, api, form, name="")


@get_or_post
@never_cache
@team_required
def param(request: TeamRequest, slug: str, name: str) -> HttpResponse:
    """Change it, or move or remove it, as the button (`do`) says. Raises NotFound, NotAllowed."""
    api = _api_to_manage(request, slug)
    stored = next((param for param in api.params if param["name"] == name), None)
    if stored is None:
        raise NotFound(gettext_noop("The API has no such parameter."))
    command = request.POST.get("do", "change") if request.method == "POST" else ""
    form = ParamForm(request.POST if command == "change" else None, stored=stored)
    refusal: InvalidInput | None = None
    try:
        if command == "remove":
            remove_param(actor=request.actor, api=api, name=name)
        elif command in _STEPS:
            move_param(actor=request.actor, api=api, name=name, step=_STEPS[command])
        elif form.is_valid():
            change_param(actor=request.actor, api=api, name=name, param=form.param)
        else:
            return _page(request, api, form, name=name)
    except InvalidInput as error:
        if command != "change":
            refusal = error
        else:
            form.show(error)
        return _page(request, api, form, name=name, refusal=refusal)
    messages.success(
        request,
        gettext("%(stored)s is removed.") % {"stored": stored["label"]} if command == "remove" else saved_message(api),
    )
    return redirect("integrations:custom_overview", slug)


def _api_to_manage(request: TeamRequest, slug: str) -> CustomApi:
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    return api


def _page(
    request: TeamRequest, api: CustomApi, form: ParamForm, *, name: str, refusal: InvalidInput | None = None
) -> HttpResponse:
    known = authentication_from(api.authentication)
    context = {
        "api": api,
        "integration": api.integration,
        "form": form,
        "name": name,
        "label": form.initial.get("label", ""),
        "uses": uses_of(name, base_url=api.base_url, authentication=known) if name else [],
        "refusal": refusal,
        "dependents": len(dependent_connections(api)),
    }
    return render(request, "integrations/custom/param.html", context, status=refusal.status if refusal else 200)
