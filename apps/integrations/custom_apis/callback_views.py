"""The page that switches a custom API between its own callback and the common one."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.integrations.custom_apis.services.apis import set_callback
from apps.integrations.custom_apis.services.queries import custom_api_named
from apps.integrations.models import Callback, CustomApi, Integration
from apps.integrations.redirect_uri import common_redirect_uri, custom_api_redirect_uri
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@team_required
def callback(request: TeamRequest, slug: str) -> HttpResponse:
    """Confirm, then switch between the common callback and its own. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    if request.method == "POST":
        set_callback(actor=request.actor, api=api, callback=_wanted_callback(request.POST.get("wanted", "")))
        messages.success(request, gettext("Saved. Register the redirect URI that is shown now."))
        return redirect("integrations:custom_authentication", slug)
    is_own = api.integration.callback == Callback.OWN
    context = {
        "api": api,
        "integration": api.integration,
        "wanted": is_own,
        "common": common_redirect_uri(),
        "own": _own_redirect_uri(api),
    }
    return render(request, "integrations/custom/callback.html", context)


def _wanted_callback(wanted: str) -> Callback:
    return Callback.COMMON if wanted == "common" else Callback.OWN


def _own_redirect_uri(api: CustomApi) -> str:
    integration = Integration(pk=api.pk, team=api.integration.team, callback=Callback.OWN)
    return custom_api_redirect_uri(integration)
