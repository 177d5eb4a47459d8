"""The buttons *Check configuration*, *Add it and save* and *Register for me* of the Authentication tab."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.errors import SpecwayError
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.services.offline_access import request_offline_access
from apps.integrations.custom_apis.services.queries import custom_api_named, missing_of, operations_of
from apps.integrations.custom_apis.services.registration import register_client
from apps.integrations.errors import IntegrationInUse, InvalidInput
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.sentences import translated
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@team_required
def check(request: TeamRequest, slug: str) -> HttpResponse:
    """The findings: a panel of the tab for htmx, otherwise a page. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    if request.method != "POST":  # after a reload: a check needs a click
        return redirect("integrations:custom_authentication", slug)
    context = {
        "api": api,
        "integration": api.integration,
        "tab": "authentication",
        "can_manage": True,
        "missing": missing_of(api),
        "operations": operations_of(api.integration).count(),
        "redirect_uri": custom_api_redirect_uri(api.integration),
        "check_up": check_configuration(actor=request.actor, api=api),
    }
    template = "_check.html" if getattr(request, "htmx", False) else "check.html"
    return render(request, f"integrations/custom/{template}", context)


@require_POST
@never_cache
@team_required
def register(request: TeamRequest, slug: str) -> HttpResponse:
    """Register a client at the issuer, or show why that fails. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    try:
        saved = register_client(actor=request.actor, api=api)
    except (InvalidInput, IntegrationInUse) as refusal:
        messages.error(request, _refusal_message(refusal))
    else:
        name = saved.integration.name
        messages.success(
            request,
            gettext("%(name)s registered a client. Its ID and secret are saved; check the other fields.")
            % {"name": name},
        )
    return redirect("integrations:custom_authentication", slug)


@require_POST
@never_cache
@team_required
def offline_access(request: TeamRequest, slug: str) -> HttpResponse:
    """Add the next thing to try for refresh tokens and save. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    try:
        step = request_offline_access(actor=request.actor, api=api)
    except InvalidInput as refusal:
        messages.error(request, translated(refusal.sentence))
    else:
        label = f"{step.label[0].upper()}{step.label[1:]}"
        messages.success(
            request,
            gettext("%(label)s is added. Reconnect to see whether a refresh token is issued now.") % {"label": label},
        )
    return redirect("integrations:custom_authentication", slug)


def _refusal_message(refusal: SpecwayError) -> str:
    return gettext("Not registered. %(sentence)s") % {"sentence": translated(refusal.sentence)}
