"""Asking for a service that is not set up: the operators and the team's admins see who asked, who is notified later."""

import logging
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotAllowed
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration, OAuthApp, ServiceRequest
from apps.notifications.mail import Mail, operators, owners_and_admins, send
from apps.notifications.notices import NewNotice, notify
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.models import Team

logger = logging.getLogger(__name__)

MAX_NOTE = 200


def ask_for(*, actor: Actor, integration: Integration, note: str) -> bool:
    """Ask that the service be set up. False if the actor had asked before.

    Raises NotAllowed for a service that needs no OAuth app or has one.
    """
    team, user = actor.team, actor.user
    if team is None or user is None:
        raise NotAllowed(gettext_noop("Only a member of a team can ask for a service."))
    if integration.kind not in KINDS_WITH_OAUTH_APP or integration.team_id or _is_set_up(integration, team):
        raise NotAllowed(gettext_noop("%(service)s can be connected already.") % {"service": integration.name})
    text = " ".join(note.split())[:MAX_NOTE]
    with transaction.atomic():
        is_first = not open_requests().filter(integration=integration, team=team).exists()
        request, is_new = ServiceRequest.objects.get_or_create(
            integration=integration, team=team, user=user, defaults={"note": text, "asked_at": Now()}
        )
        if not is_new:
            return False
        target = Target(
            type="integration", id=str(integration.pk), label=integration.name, integration=integration.slug
        )
        record(action="integration.requested", origin=actor.origin, team_id=team.pk, target=target)
    if is_first:  # the others are counted in the list
        _mail(request, integration, team, str(user), text)
    return True


def open_requests() -> QuerySet[ServiceRequest]:
    """The requests for services that are not set up yet."""
    return ServiceRequest.objects.filter(answered_at=None)


def counts_for(team: Team) -> Mapping[UUID, int]:
    """How many people of the team asked, by the integration's ID."""
    return Counter(open_requests().filter(team=team).values_list("integration", flat=True))


def requests_for(team: Team, integration: Integration) -> list[ServiceRequest]:
    """The team's open requests for a service."""
    return list(open_requests().filter(team=team, integration=integration).select_related("user"))


def notify_of_set_up() -> int:
    """Notify the people who asked for a service that can be connected now. Returns how many."""
    apps = OAuthApp.objects.filter(Q(team=None) | Q(team=OuterRef("team")), integration=OuterRef("integration"))
    answered = list(open_requests().filter(Exists(apps)).select_related("integration", "user"))
    for request in answered:
        with transaction.atomic():
            if ServiceRequest.objects.filter(pk=request.pk, answered_at=None).update(answered_at=Now()):
                notify([request.user], partial(_notice, request), team_id=request.team_id)
    return len(answered)


def _notice(request: ServiceRequest) -> NewNotice:
    service = request.integration
    return NewNotice(
        key=f"service:{request.pk}",
        title=gettext("%(service)s can be connected") % {"service": service.name},
        text=gettext("You asked for it. It is set up now."),
        path=reverse("connections:service", args=[service.slug]),
        service=service.name,
        icon=service.icon,
    )


def _is_set_up(integration: Integration, team: Team) -> bool:
    return OAuthApp.objects.filter(Q(team=None) | Q(team=team), integration=integration).exists()


def _mail(request: ServiceRequest, integration: Integration, team: Team, person: str, note: str) -> None:
    add = f"{reverse('admin:integrations_oauthapp_add')}?integration={integration.pk}"
    own = reverse("integrations:app", args=[integration.slug])
    words = {"person": person, "service": integration.name, "team": team}
    for people, path, why in (
        (operators(), add, _("You get this as an operator.")),
        (owners_and_admins(team.pk), own, _("You get this because you own or administer the team.")),
    ):
        try:
            send(partial(_written, words, note, settings.PUBLIC_URL + path, why), to=people)
        except OSError as error:  # smtplib's exceptions too
            logger.warning("request for a service not mailed request=%s error=%s", request.pk, type(error).__name__)


def _written(words: dict[str, Any], note: str, url: str, why: Promise) -> Mail:
    asks = gettext("%(person)s asks for %(service)s") % words
    missing = gettext("%(team)s cannot connect %(service)s before an OAuth app is added.") % words
    return Mail(
        subject=asks,
        title=asks,
        paragraphs=(f"“{note}”", missing) if note else (missing,),
        action=gettext("Add an OAuth app"),
        url=url,
        why=str(why),
    )
