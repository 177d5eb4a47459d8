"""Which of the connections that an actor may use are eligible for an action, and what the others lack."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Case, Q, QuerySet, TextField, When
from django.db.models.functions import MD5, Cast, Concat, Lower
from django.utils.translation import gettext

from apps.connections.messages import asks_values, help_anchor, reason_of, repair_label
from apps.connections.models import Connection, Status
from apps.connections.policy import scopes as scope_sets
from apps.connections.policy.access import is_owner, may_manage
from apps.connections.services.connection_params import provider_of
from apps.errors import SpecwayError
from apps.integrations.models import KINDS_WITH_KEY, Integration, OAuthApp
from apps.teams.actor import Actor

EPOCH = datetime.min.replace(tzinfo=UTC)
KINDS_WITH_SCOPES = (Integration.Kind.OAUTH2, Integration.Kind.CLIENT_CREDENTIALS)
# Of more connections, the picker lists this number; the others are found by a search.
MOST_LISTED = 50
# With these reasons a request may still succeed: the access as a whole was not rejected.
_MAY_STILL_WORK = frozenset({"missing_scopes", "integration_misconfigured", "service_unavailable", "token_refused"})
# The columns that decide which scopes a connection lacks.
_DECISIVE = ("integration_id", "oauth_app_id", "params", "scopes_granted")


@dataclass(frozen=True)
class Eligibility:
    """A connection, and what it lacks for the scopes that are needed.

    `repair` is the label of the button that repairs it; empty if it recovers by itself, needs an operator, or has no
    fault.
    """

    connection: Connection
    missing: tuple[str, ...]
    needs_attention: bool
    is_mine: bool
    can_manage: bool
    has_key: bool
    asks_values: bool
    why: str
    help: str
    repair: str

    @property
    def is_eligible(self) -> bool:
        """Whether it can be used, as far as is known."""
        return not self.needs_attention and not self.missing

    @property
    def missing_text(self) -> str:
        """The missing scopes, separated by commas."""
        return ", ".join(self.missing)

    @property
    def can_be_chosen(self) -> bool:
        """Whether a request may be tried with it, if only to report what is missing."""
        return not self.needs_attention or self.connection.status_reason in _MAY_STILL_WORK


def eligible_connections(
    actor: Actor, integration: Integration, scopes: Iterable[str] = (), *, search: str = "", chosen: UUID | None = None
) -> list[Eligibility]:
    """The connections to this service that the actor may use: eligible ones first, own ones before others', by name.

    Of many, MOST_LISTED of them that match the search, with the eligible one that was used last, and `chosen`.
    """
    wanted = list(scopes)
    usable = Connection.objects.usable_by(actor).filter(integration=integration)
    found = usable.filter(_contains(search)) if search else usable
    keys = _first(actor, found, MOST_LISTED + 1)
    if len(keys) > MOST_LISTED:
        keys = _eligible_first(actor, found, wanted)
    keys += [chosen] if chosen else []
    detailed = usable.filter(pk__in=keys).with_details().prefetch_related("shares")
    rows = [eligibility_of(actor, connection, wanted) for connection in detailed]
    return sorted(
        rows,
        key=lambda row: (not row.is_eligible, row.needs_attention, not row.is_mine, row.connection.name.casefold()),
    )


def usable_count(actor: Actor, integration: Integration, *, search: str = "") -> int:
    """The number of connections to this service that the actor may use and that match the search."""
    usable = Connection.objects.usable_by(actor).filter(integration=integration)
    return (usable.filter(_contains(search)) if search else usable).count()


def _eligible_first(actor: Actor, found: QuerySet[Connection], scopes: list[str]) -> list[UUID]:
    """The keys of MOST_LISTED connections, with those that lack no scope and need no attention first."""
    working = found.exclude(status=Status.NEEDS_ATTENTION)
    eligible = with_scopes(working, scopes) if scopes else working
    keys = _first(actor, eligible, MOST_LISTED)
    keys += _first(actor, found.exclude(pk__in=keys), MOST_LISTED - len(keys))
    last_used = eligible.filter(last_used_at__isnull=False).order_by("-last_used_at", "pk")
    return [*keys, *last_used.values_list("pk", flat=True)[:1]]


def _first(actor: Actor, connections: QuerySet[Connection], most: int) -> list[UUID]:
    is_red = Case(When(status=Status.NEEDS_ATTENTION, then=1), default=0)
    is_others = Case(When(owner=actor.user, then=0), default=1)
    return list(connections.order_by(is_red, is_others, Lower("name"), "pk").values_list("pk", flat=True)[:most])


def _contains(text: str) -> Q:
    of_owner = Q(owner__name__icontains=text) | Q(owner__email__icontains=text)
    return Q(name__icontains=text) | Q(account_label__icontains=text) | of_owner


def eligibility_of(actor: Actor, connection: Connection, scopes: Iterable[str] = ()) -> Eligibility:
    """The eligibility of one connection for these scopes. Its details and shares should be prefetched."""
    needs_attention = connection.status == Status.NEEDS_ATTENTION
    missing = tuple(missing_scopes_of(connection, scopes))
    reason = connection.status_reason
    return Eligibility(
        connection=connection,
        missing=missing,
        needs_attention=needs_attention,
        is_mine=is_owner(actor, connection),
        can_manage=may_manage(actor, connection),
        has_key=connection.integration.kind in KINDS_WITH_KEY,
        asks_values=asks_values(connection),
        why=reason_of(connection) if needs_attention else "",
        help=help_anchor(reason) if needs_attention else "insufficient-permissions" if missing else "",
        repair=repair_label(reason) if needs_attention else gettext("Add permission") if missing else "",
    )


def with_scopes(connections: QuerySet[Connection], scopes: Iterable[str]) -> QuerySet[Connection]:
    """Those of the connections that lack none of the scopes.

    What decides it is compared once for each combination that occurs, not for each connection, and selected by a hash.
    """
    parts = [Cast(name, TextField()) for name in _DECISIVE]
    hashed = connections.order_by().annotate(decisive=MD5(Concat(*parts)))
    wanted = list(scopes)
    found = list(hashed.values_list("decisive", *_DECISIVE).distinct())
    integrations = Integration.objects.in_bulk({row[1] for row in found})
    oauth_apps = OAuthApp.objects.in_bulk({row[2] for row in found if row[2]})
    eligible = []
    for decisive, integration, oauth_app, params, granted in found:
        example = Connection(
            integration=integrations[integration],
            oauth_app=oauth_apps.get(oauth_app),
            params=params,
            scopes_granted=granted,
        )
        if not missing_scopes_of(example, wanted):
            eligible.append(decisive)
    return connections.alias(decisive=MD5(Concat(*parts))).filter(decisive__in=eligible)


def preferred_eligible(candidates: Sequence[Eligibility]) -> Eligibility | None:
    """The connection to preselect: of the eligible ones the most recently used, else the first; None if none is."""
    eligible = [candidate for candidate in candidates if candidate.is_eligible]
    used = [candidate for candidate in eligible if candidate.connection.last_used_at]
    return max(
        used, key=lambda candidate: candidate.connection.last_used_at or EPOCH, default=next(iter(eligible), None)
    )


def missing_scopes_of(connection: Connection, scopes: Iterable[str]) -> list[str]:
    """Which of the scopes were not granted; sorted. None for keys, whose permissions only the service knows."""
    wanted = list(scopes)
    if not wanted or connection.integration.kind not in KINDS_WITH_SCOPES:
        return []
    try:
        provider = provider_of(connection)
    except SpecwayError:  # without the provider's aliases, the names are compared
        return sorted(set(wanted) - set(connection.scopes_granted))
    return scope_sets.missing(wanted=wanted, granted=connection.scopes_granted, provider=provider)
