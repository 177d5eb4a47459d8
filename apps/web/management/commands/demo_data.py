"""`manage.py demo_data --connections 500`: a team with connections for demonstrations, screenshots and size tests."""

import random
import secrets
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.connections.models import Connection, ConnectionShare, Level, ScopeUse, Status, TokenSet, WorkflowUse
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration
from apps.teams.models import Membership, Role, Team, User
from apps.teams.services.teams import create_team

ORIGIN = Origin(kind="system", id="", label="demo_data")
NAMES = ("Olivia Brandt", "Max Weber", "Ines Achterberg", "Yuki Tanabe", "Tomás Ribeiro", "Sunniva Okafor")
ACCOUNTS = ("Operations", "Finance", "Marketing", "Support", "Research", "Sales", "Logistics", "Human resources")
WORKFLOWS = ("Nightly export", "New orders to chat", "Invoice reminders", "Weekly report", "Lead routing")
REASONS = ("reauthorization_required", "missing_scopes", "outcome_unknown", "values_missing")
# Actions and outcomes of the events of a connection, as often as they are in a log.
EVENTS = (
    *[("connection.used", "success")] * 12,
    *[("connection.refreshed", "success")] * 5,
    ("token.handed_out", "success"),
    ("connection.use_failed", "failure"),
    ("connection.refresh_failed", "failure"),
)
# The share of connections: of services, of those that need attention, shared ones, and those that were used.
SERVICES, RED, SHARED, USED = 41, 0.11, 0.6, 0.85
# The share of a connection's permissions that its calls named.
USED_SCOPES = 0.6
BATCH = 1000


@dataclass(frozen=True)
class Cast:
    """What the rows are drawn from."""

    team: Team
    people: Sequence[User]
    services: Sequence[Integration]
    chance: random.Random
    now: datetime


class Command(BaseCommand):
    """Creates a team; nothing in it leads to a request to a service, since no token can be refreshed."""

    help = "Create a team with demonstration data. Its connections hold random values and send no requests."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connections", type=int, default=50, help="number of connections (default: 50)")
        parser.add_argument("--events", type=int, default=0, help="number of audit events, if it has connections")
        parser.add_argument("--owner", default="", help="e-mail address of an existing account that owns the team")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same data (default: 1)")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        load_catalog()
        membership = create_team(user=_owner(options["owner"]), name="Demonstration", origin=ORIGIN)
        cast = Cast(
            team=membership.team,
            people=[membership.user, *_members(membership.team)],
            services=list(Integration.objects.filter(team=None).order_by("name")[:SERVICES]),
            chance=random.Random(options["seed"]),  # noqa: S311 - no secret is made of it
            now=timezone.now(),
        )
        made = 0
        while made < options["connections"]:
            size = min(BATCH, options["connections"] - made)
            _add_connections(cast, range(made, made + size))
            made += size
        if made:
            _add_events(cast, options["events"])
        self.stdout.write(f"Created the team Demonstration with {made} connections, owned by {membership.user.email}.")


def _owner(email: str) -> User:
    if not email:
        return _person(NAMES[0])
    owner = User.objects.filter(email__iexact=email).first()
    if owner is None:
        raise CommandError(f"There is no account with the address {email}.")
    return owner


def _person(name: str) -> User:
    address = f"{name.split()[0].lower()}-{secrets.token_hex(3)}@demo.example"
    return User.objects.create_user(address, None, name=name)


def _members(team: Team) -> list[User]:
    people = [_person(name) for name in NAMES[1:]]
    roles = [Role.ADMIN] + [Role.MEMBER] * (len(people) - 1)
    Membership.objects.bulk_create(
        Membership(team=team, user=person, role=role) for person, role in zip(people, roles, strict=True)
    )
    return people


def _add_connections(cast: Cast, numbers: range) -> None:
    rows = [_connection(cast, n) for n in numbers]
    with_token = [row for row in rows if row.integration.kind in (Integration.Kind.OAUTH2, "oauth2_client_credentials")]
    Connection.objects.bulk_create(rows)
    TokenSet.objects.bulk_create(_token_set(row, cast.now) for row in with_token)
    _add_scope_uses(cast, with_token)
    ConnectionShare.objects.bulk_create(
        ConnectionShare(connection=row, user=None, level=cast.chance.choice(list(Level)))
        for row in rows
        if row.is_shared
    )
    WorkflowUse.objects.bulk_create(
        WorkflowUse(
            connection=row,
            team_id=row.team_id,
            workflow_id=f"wf-{cast.chance.randrange(99)}",
            name=cast.chance.choice(WORKFLOWS),
            last_used_at=cast.now,
        )
        for row in rows
        if row.last_used_at
    )


def _add_scope_uses(cast: Cast, connections: Sequence[Connection]) -> None:
    """Calls named about half of the permissions, mostly within the last month."""
    ScopeUse.objects.bulk_create(
        ScopeUse(connection=row, scope=scope, last_used_at=cast.now - timedelta(days=cast.chance.randrange(60)))
        for row in connections
        if row.last_used_at
        for scope in row.scopes_granted
        if cast.chance.random() < USED_SCOPES
    )


def _connection(cast: Cast, number: int) -> Connection:
    chance, now = cast.chance, cast.now
    is_red = chance.random() < RED
    name = f"{chance.choice(ACCOUNTS)} {number + 1}"
    used = now - timedelta(minutes=chance.randrange(60 * 24 * 120)) if chance.random() < USED else None
    integration = chance.choice(cast.services)
    entry = entry_of(integration)
    scopes = [scope.name for scope in entry.scopes[:6]] if entry else []
    return Connection(
        team=cast.team,
        integration=integration,
        scopes_requested=scopes,
        scopes_granted=scopes,
        owner=chance.choice(cast.people),
        name=name,
        account_subject=secrets.token_hex(8),
        account_label=name,
        status=Status.NEEDS_ATTENTION if is_red else Status.ACTIVE,
        status_reason=chance.choice(REASONS) if is_red else "",
        status_changed_at=now,
        is_shared=chance.random() < SHARED,
        created_at=now - timedelta(days=chance.randrange(1, 400)),
        last_used_at=used,
    )


def _token_set(connection: Connection, now: datetime) -> TokenSet:
    return TokenSet(
        connection=connection,
        team=connection.team,
        access_token=secrets.token_urlsafe(24),
        obtained_at=now,
        expires_at=now + timedelta(days=30),
        next_refresh_at=None,
    )


def _add_events(cast: Cast, count: int) -> None:
    """Events of the last 30 days, oldest first, as they would have been recorded."""
    connections = list(Connection.objects.filter(team=cast.team).select_related("integration", "owner")[:BATCH])
    for start in range(0, count, BATCH):
        AuditEvent.objects.bulk_create(
            _event(cast, cast.chance.choice(connections), cast.now - timedelta(days=30) * (1 - number / count))
            for number in range(start, min(start + BATCH, count))
        )


def _event(cast: Cast, connection: Connection, occurred_at: datetime) -> AuditEvent:
    action, outcome = cast.chance.choice(EVENTS)
    by_scheduler = action.startswith("connection.refresh")
    return AuditEvent(
        occurred_at=occurred_at,
        team_id=cast.team.pk,
        actor_kind="system" if by_scheduler else "user",
        actor_id="" if by_scheduler else str(connection.owner_id),
        actor_label="Specway" if by_scheduler else str(connection.owner),
        action=action,
        outcome=outcome,
        target_type="connection",
        target_id=str(connection.pk),
        target_label=connection.name,
        integration=connection.integration.slug,
        workflow_id="" if by_scheduler else f"wf-{cast.chance.randrange(99)}",
        workflow_name="" if by_scheduler else cast.chance.choice(WORKFLOWS),
    )
