"""The home page, the account, and help."""

from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.connections.messages import reasons_explained_by
from apps.connections.models import Connection, Status
from apps.teams.keys import SCOPES
from apps.teams.models import User
from apps.teams.requests import TeamRequest
from apps.web.preferences import ProfileForm
from apps.web.troubleshooting import callback_url, groups, search_topics, topics

# Characters of a search that are looked at.
LONGEST_QUERY = 100
# Connections that a topic of help names.
MOST_AFFECTED = 5


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the plugins, to creating a team, or to login."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    return redirect("connections:plugins" if getattr(request, "actor", None) else "teams:create")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """The signed-in person's account."""
    user = cast(User, request.user)
    form = ProfileForm(request.POST or None, initial={name: getattr(user, name) for name in ProfileForm.base_fields})
    if request.method == "POST" and form.is_valid():
        form.save(user)
        messages.success(request, gettext("Profile saved."))
        return redirect("web:account")
    return render(
        request,
        "web/account.html",
        {
            "form": form,
            "mfa_on": is_mfa_enabled(user),
            "pending_email": EmailAddress.objects.filter(user=user, verified=False).first(),
            "first_steps_closed": _has_closed_first_steps(request),
            "session_count": UserSession.objects.filter(user=user).count(),
        },
    )


def _has_closed_first_steps(request: HttpRequest) -> bool:
    extended = cast(TeamRequest, request)
    team = extended.actor.team if extended.actor else None
    return any(each.first_steps_closed for each in extended.memberships if each.team == team)


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """What language models that write programs for the API should read first (https://llmstxt.org/). Public."""
    context = {"url": settings.PUBLIC_URL, "scopes": SCOPES}
    return render(request, "web/llms.txt", context, content_type="text/markdown; charset=utf-8")


@require_safe
def help_home(request: HttpRequest) -> HttpResponse:
    """The topics of help, or those with the words of `q`. Public, since sign-in itself may fail."""
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    context = {"layout": _layout(request), "query": query, "found": search_topics(query), "groups": groups()}
    return render(request, "help/home.html", context)


@require_safe
def help_topic(request: HttpRequest, slug: str) -> HttpResponse:
    """One topic of help. Public."""
    topic = topics().get(slug)
    if topic is None:
        raise Http404
    listed = list(topics().values())
    context = {"layout": _layout(request), "topic": topic, "topics": listed, "callback_url": callback_url()}
    return render(request, "help/topic.html", context | _with_this_problem(request, slug))


def _with_this_problem(request: HttpRequest, topic: str) -> dict[str, Any]:
    """The reader's own connections that have the problem which the topic explains: the first ones, and how many."""
    team, reasons = getattr(getattr(request, "actor", None), "team", None), reasons_explained_by(topic)
    if team is None or not reasons:
        return {}
    own = Connection.objects.filter(team=team, owner=cast(User, request.user), status=Status.NEEDS_ATTENTION)
    affected = own.filter(status_reason__in=reasons).select_related("integration").order_by("name", "pk")
    return {"affected": affected[:MOST_AFFECTED], "number_affected": affected.count()}


@require_safe
def troubleshooting(request: HttpRequest) -> HttpResponse:
    """The former address of all topics on one page. Browsers keep the topic, which is a fragment of the address."""
    return redirect("web:help", permanent=True)


def _layout(request: HttpRequest) -> str:
    return "base.html" if request.user.is_authenticated else "open.html"
