"""Which connections fit an action: of those that the actor may use, what each has and lacks. For every picker."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.connections.messages import asks_values, help_anchor, reason_sentence, repair_label
from apps.connections.models import Connection, Status
from apps.connections.policy import scopes as scope_sets
from apps.connections.policy.access import is_owner, may_manage
from apps.connections.services.provider import provider_of
from apps.errors import SpecwayError
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.teams.actor import Actor

EPOCH = datetime.min.replace(tzinfo=UTC)
KINDS_WITH_SCOPES = (Integration.Kind.OAUTH2, Integration.Kind.CLIENT_CREDENTIALS)
# Red for these reasons, it may still answer: the access that it has was not refused as a whole.
_STILL_TRIED = frozenset({"missing_scopes", "integration_misconfigured", "service_unavailable"})


@dataclass(frozen=True)
class Eligibility:
    """A connection, and how it stands to what is needed. `repair` is the word on the button that mends it; empty where
    it heals by itself, where only an operator can help, and where nothing is wrong."""

    connection: Connection
    missing: tuple[str, ...]
    is_red: bool
    is_mine: bool
    can_manage: bool
    has_key: bool
    asks_values: bool
    why: str
    help: str
    repair: str

    @property
    def fits(self) -> bool:
        """It can be called with, as far as is known."""
        return not self.is_red and not self.missing

    @property
    def missing_text(self) -> str:
        """The names of what it lacks, as a list in a sentence."""
        return ", ".join(self.missing)

    @property
    def can_be_chosen(self) -> bool:
        """A call is worth a try, if only to be told what is missing."""
        return not self.is_red or self.connection.status_reason in _STILL_TRIED


def eligible_connections(actor: Actor, integration: Integration, scopes: Iterable[str] = ()) -> list[Eligibility]:
    """The actor's own and shared connections to this service: fitting ones first, one's own before others', by name."""
    usable = Connection.objects.usable_by(actor).with_details().prefetch_related("shares")
    found = [eligibility_of(actor, connection, scopes) for connection in usable.filter(integration=integration)]
    return sorted(found, key=lambda fit: (not fit.fits, fit.is_red, not fit.is_mine, fit.connection.name.casefold()))


def eligibility_of(actor: Actor, connection: Connection, scopes: Iterable[str] = ()) -> Eligibility:
    """How one connection stands to these scopes. Its details and shares must be loaded with it."""
    is_red, lacks = connection.status == Status.NEEDS_ATTENTION, tuple(missing_scopes_of(connection, scopes))
    reason, name = connection.status_reason, connection.integration.name
    return Eligibility(
        connection=connection,
        missing=lacks,
        is_red=is_red,
        is_mine=is_owner(actor, connection),
        can_manage=may_manage(actor, connection),
        has_key=connection.integration.kind in KINDS_WITH_KEY,
        asks_values=asks_values(connection),
        why=reason_sentence(reason, name) if is_red else "",
        help=help_anchor(reason) if is_red else "insufficient-permissions" if lacks else "",
        repair=repair_label(reason) if is_red else "Add permission" if lacks else "",
    )


def preferred_eligible(fits: Sequence[Eligibility]) -> Eligibility | None:
    """The connection to preselect: of the eligible ones the most recently used, else the first; None if none is."""
    eligible = [fit for fit in fits if fit.fits]
    used = [fit for fit in eligible if fit.connection.last_used_at]
    return max(used, key=lambda fit: fit.connection.last_used_at or EPOCH, default=next(iter(eligible), None))


def missing_scopes_of(connection: Connection, scopes: Iterable[str]) -> list[str]:
    """Which of the scopes were not granted; sorted. A key lacks none: what it may do is known to its service only."""
    wanted = list(scopes)
    if not wanted or connection.integration.kind not in KINDS_WITH_SCOPES:
        return []
    try:
        provider = provider_of(connection)
    except SpecwayError:  # without its aliases, the names themselves are compared
        return sorted(set(wanted) - set(connection.scopes_granted))
    return scope_sets.missing(wanted=wanted, granted=connection.scopes_granted, provider=provider)
