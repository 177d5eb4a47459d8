"""Checks that are repeated in the storing transaction, because a request to a service came in between."""

from django.utils.translation import gettext_noop

from apps.connections.errors import AttemptError, AttemptSettled, CallbackRejected
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.policy.access import may_manage
from apps.connections.services.attempts import client_changed_message
from apps.errors import NotAllowed, NotFound
from apps.integrations.models import Integration, OAuthApp
from apps.teams.actor import Actor, member_actor
from apps.teams.models import Membership
from apps.teams.services.current_access import has_ended, lock_team


def require_access(connection: Connection, actor: Actor) -> None:
    """Raises NotFound if the key was revoked, the member removed or the share withdrawn since the request began."""
    if has_ended(actor, connection.team_id):
        raise NotFound(gettext_noop("There is no such connection."))
    if not Connection.objects.usable_by(actor).filter(pk=connection.pk).exists():
        raise NotFound(gettext_noop("There is no such connection."))


def require_can_connect(actor: Actor, integration: Integration) -> None:
    """Lock the actor's team. Raises NotFound if team or integration was deleted, NotAllowed if access ended."""
    team_id = actor.team.pk if actor.team else None
    if lock_team(team_id) is None:
        raise NotFound(gettext_noop("The team was closed meanwhile, so nothing was stored."))
    if has_ended(actor, team_id):
        raise NotAllowed(gettext_noop("Your access to this team has ended, so nothing was stored."))
    if not Integration.objects.filter(pk=integration.pk).exists():
        raise NotFound(gettext_noop("This integration was deleted meanwhile, so nothing was stored."))


def require_can_manage(connection: Connection, actor: Actor) -> None:
    """Raises NotFound or NotAllowed if the actor lost the right to manage the connection since the request began."""
    if has_ended(actor, connection.team_id):
        raise NotFound(gettext_noop("There is no such connection."))
    current = Connection.objects.prefetch_related("shares").filter(pk=connection.pk).first()
    if current is None:
        raise NotFound(gettext_noop("There is no such connection."))
    if actor.team is not None and not may_manage(actor, current):
        raise NotAllowed(
            gettext_noop("You no longer manage the connection %(connection)s.") % {"connection": current.name}
        )


def lock_attempt(attempt: AuthorizationAttempt) -> Membership:
    """Lock the team and the attempt until the end of the transaction, and check again what may have changed.

    The person's membership. Raises AttemptSettled or CallbackRejected if the team or integration was deleted, the
    attempt was settled (as interrupted, say), the OAuth app is another client now, or the person left the team.
    """
    if error := _attempt_problem(attempt) or client_problem(attempt):
        raise error
    membership = Membership.objects.select_related("team", "user").filter(team=attempt.team_id, user=attempt.user_id)
    member = membership.first()
    if member is None:
        raise CallbackRejected(gettext_noop("You are no longer a member of the team that this connection was for."))
    return member


def client_problem(attempt: AuthorizationAttempt) -> CallbackRejected | None:
    """The error if the OAuth app is another client now, or at other hosts, than when the flow was started.

    Its code is for the earlier client, and must not be sent to another host (RFC 9700 4.4).
    """
    oauth_app = OAuthApp.objects.filter(pk=attempt.oauth_app_id).first()
    if oauth_app is not None and attempt.client_key in ("", oauth_app.client_key):
        return None
    return CallbackRejected(client_changed_message(attempt.integration.name))


def _attempt_problem(attempt: AuthorizationAttempt) -> AttemptError | None:
    if lock_team(attempt.team_id) is None:
        return AttemptSettled(gettext_noop("The team was closed meanwhile, so nothing was connected."))
    rows = AuthorizationAttempt.objects.select_for_update().filter(pk=attempt.pk)
    status = rows.values_list("status", flat=True).first()
    if status is None:  # deleted with what it belongs to
        return AttemptSettled(
            gettext_noop(
                "The connection was disconnected meanwhile, so nothing was connected. Connect the service again."
            )
            if attempt.connection_id
            else gettext_noop(
                "The integration was deleted meanwhile, so nothing was connected. Connect the service again."
            )
        )
    if status != AuthorizationAttempt.Status.EXCHANGING:
        return AttemptSettled(
            gettext_noop("This took too long and was ended meanwhile, so nothing was connected. Connect again.")
        )
    return None


def require_may_reconnect(member: Membership, connection: Connection) -> None:
    """Raises CallbackRejected if the member lost the right to manage the connection that the attempt reconnects."""
    if not may_manage(member_actor(member), connection):
        raise CallbackRejected(
            gettext_noop("You no longer manage the connection %(connection)s.") % {"connection": connection.name}
        )
