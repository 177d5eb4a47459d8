"""The pages of a team's own OAuth app at a service: add or change it, test it, remove it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps import secret_expiry
from apps.integrations.oauth_apps.forms import TeamAppForm
from apps.integrations.oauth_apps.guides import setup_guide
from apps.integrations.oauth_apps.requests import ask_for
from apps.integrations.oauth_apps.team_apps import own_app, probe_own_app, remove_own_app, save_own_app
from apps.integrations.redirect_uri import may_keep_common_callback
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
_LEVELS = {"accepted": messages.SUCCESS, "refused": messages.ERROR, "unknown": messages.WARNING}


@sensitive_post_parameters("secret")
@get_or_post
@never_cache
@team_required
def app(request: TeamRequest, slug: str) -> HttpResponse:
    """The form; the stored secret is never rendered. Raises NotFound, NotAllowed."""
    integration = _integration_or_404(request.actor, slug)
    if integration.team_id is not None:  # the client of a custom API is on its Authentication tab
        return redirect("integrations:custom_authentication", slug)
    oauth_app = own_app(request.actor, integration)
    entered = request.POST if request.method == "POST" else None
    form = TeamAppForm(entered, integration=integration, oauth_app=oauth_app, team=request.actor.team)
    if request.method == "POST" and form.is_valid():
        try:
            save_own_app(actor=request.actor, integration=integration, **form.values)
        except InvalidInput as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(
                request,
                gettext("Saved. New connections to %(service)s use your team’s OAuth app.")
                % {"service": integration.name},
            )
            return redirect("integrations:app", slug)
    context = {
        "integration": integration,
        "oauth_app": oauth_app,
        "form": form,
        "guide": setup_guide(integration, oauth_app=oauth_app, team=request.actor.team),
        "has_earlier_callback": oauth_app is not None and may_keep_common_callback(oauth_app),
        "expiry": _expiry(oauth_app),
        "dependents": _dependent_connections(oauth_app),
    }
    return render(request, "integrations/app.html", context)


@require_POST
@never_cache
@team_required
def probe(request: TeamRequest, slug: str) -> HttpResponse:
    """Test the app at the service. Raises NotFound, NotAllowed."""
    verdict = probe_own_app(actor=request.actor, integration=_integration_or_404(request.actor, slug))
    messages.add_message(request, _LEVELS[verdict.result], str(verdict))
    return redirect("integrations:app", slug)


@get_or_post
@never_cache
@team_required
def remove(request: TeamRequest, slug: str) -> HttpResponse:
    """Confirm, then remove; refused while connections depend on it. Raises NotFound, NotAllowed."""
    integration = _integration_or_404(request.actor, slug)
    oauth_app = own_app(request.actor, integration)
    if oauth_app is None:
        raise NotFound(
            gettext_noop("Your team has no OAuth app of its own for %(service)s.") % {"service": integration.name}
        )
    refusal = None
    if request.method == "POST":
        try:
            remove_own_app(actor=request.actor, integration=integration)
        except SpecwayError as error:
            refusal = error
        else:
            messages.success(
                request,
                gettext("Your team’s OAuth app for %(service)s and its secret are deleted.")
                % {"service": integration.name},
            )
            return redirect("connections:service", slug)
    context = {"integration": integration, "oauth_app": oauth_app, "refusal": refusal}
    return render(request, "integrations/remove_app.html", context, status=refusal.status if refusal else 200)


def _integration_or_404(actor: Actor, slug: str) -> Integration:
    found = Integration.objects.visible_to(actor).with_slug(slug)
    if found is None or entry_of(found) is None or not found.signs_in_through_app:
        raise NotFound(gettext_noop("There is no such service, or it needs no OAuth app."))
    return found


def _expiry(oauth_app: OAuthApp | None) -> dict[str, object] | None:
    """The warning about the expiry of the secret; None while no threshold is reached."""
    today = timezone.now().date()
    if oauth_app is None or oauth_app.secret_expires_on is None:
        return None
    reached = secret_expiry.threshold(oauth_app.secret_expires_on, today=today)
    if reached is None:
        return None
    label = secret_expiry.relative_date(oauth_app.secret_expires_on, today=today)
    return {"words": label, "has_ended": reached == secret_expiry.EXPIRED}


def _dependent_connections(oauth_app: OAuthApp | None) -> list[str]:
    if oauth_app is None:
        return []
    rows = oauth_app.connections.exclude(status="disconnecting").order_by("name", "pk")
    return list(rows.values_list("name", flat=True))


@require_POST
@team_required
def ask(request: TeamRequest, slug: str) -> HttpResponse:
    """Ask that the service be set up, with an optional `note`. Raises NotFound, NotAllowed."""
    integration = _integration_or_404(request.actor, slug)
    if ask_for(actor=request.actor, integration=integration, note=request.POST.get("note", "")):
        messages.success(
            request,
            gettext("The people who can set up %(service)s see that you asked for it.") % {"service": integration.name},
        )
    else:
        messages.info(
            request,
            gettext("You asked for %(service)s before. You are notified once it can be connected.")
            % {"service": integration.name},
        )
    return redirect("connections:service", slug)
