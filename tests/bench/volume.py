"""Fills a PostgreSQL database by SQL: `python -m tests.bench.volume --connections 1000000 --events 10000000`

One team of 10,000 connections and 1,000 members, and 99 others that share the rest. DATABASE_URL names a migrated
database, in which nothing else changes; the role must be a superuser. Each row is a copy of one that the product
stored, under keys of its own, so that new columns need no change here. Ciphertext is copied too and cannot be
decrypted.
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.home import say

TEAMS, BIG_TEAM, MANY_MEMBERS, FEW_MEMBERS = 100, 10_000, 1_000, 10

# One row per connection to make. `place` is its number in its team, from 0.
CONNECTIONS = """
CREATE TEMPORARY TABLE made AS
SELECT number, gen_random_uuid() AS id, team.id AS team_id, owner.user_id AS owner_id, service.id AS integration_id,
       service.slug, service.kind, number % 5 < 3 AS is_shared,
       number % 9 = 0 AND (number <= {big} OR number % 6 = 0) AS is_red
FROM generate_series(1, {connections}) AS number
JOIN teams_numbered AS team ON team.place = CASE WHEN number <= {big} THEN 0 ELSE 1 + number % ({teams} - 1) END
JOIN people_numbered AS owner ON owner.team_id = team.id AND owner.place = (number / 7) % team.members
JOIN services_numbered AS service
  ON service.place = (number * 7 + number / 100) % (SELECT count(*) FROM services_numbered);
CREATE UNIQUE INDEX ON made (number);
"""
NUMBERED = """
CREATE TEMPORARY TABLE people_numbered AS
    SELECT team_id, user_id, row_number() OVER (PARTITION BY team_id ORDER BY teams_membership.id) - 1 AS place
    FROM teams_membership JOIN teams_user ON teams_user.id = user_id WHERE email LIKE '%@volume.example';
CREATE TEMPORARY TABLE teams_numbered AS
    SELECT team.id, row_number() OVER (ORDER BY team.created_at, team.id) - 1 AS place, count(*) AS members
    FROM teams_team AS team JOIN people_numbered ON people_numbered.team_id = team.id GROUP BY team.id;
CREATE TEMPORARY TABLE services_numbered AS
    SELECT id, slug, kind, row_number() OVER (ORDER BY slug) - 1 AS place FROM integrations_integration
    WHERE team_id IS NULL AND kind IN ('oauth2', 'api_key') AND slug <> 'sandbox' ORDER BY slug LIMIT 60;
"""
# One row per event to make, oldest first. Every tenth is of the large team.
EVENTS = """
SELECT event, made.*, kinds.action, kinds.outcome,
       now() - interval '60 days' * (1 - event::float / {events}) AS occurred_at
FROM generate_series(1::bigint, {events}) AS event
JOIN made ON made.number = CASE WHEN event % 10 = 0 THEN 1 + event / 10 * 7919 % least({big}, {connections})
                                ELSE 1 + event * 7919 % {connections} END
JOIN (VALUES {kinds}) AS kinds (place, action, outcome) ON kinds.place = event / 10 % {kind_count}
ORDER BY event
"""
KINDS = [
    *[("connection.used", "success")] * 12,
    *[("connection.refreshed", "success")] * 5,
    ("token.handed_out", "success"),
    ("connection.use_failed", "failure"),
    ("connection.refresh_failed", "failure"),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    began = time.monotonic()
    owner = fill(connections=options.connections, events=options.events)
    say(f"{options.connections:,} connections, {options.events:,} events in {time.monotonic() - began:.0f} s: {owner}")
    return 0


def fill(*, connections: int, events: int) -> str:
    """Fill the database of this process. The address of the large team's owner."""
    from django.db import connection as database

    from apps.integrations.catalog.sync import load_catalog

    load_catalog()
    owner = _make_teams()
    originals = _make_originals()
    sizes = {"connections": connections, "events": events, "big": BIG_TEAM, "teams": TEAMS}
    kinds = ", ".join(f"({place}, '{action}', '{outcome}')" for place, (action, outcome) in enumerate(KINDS))
    with database.cursor() as cursor:
        # No triggers: each row's keys are known to exist.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(NUMBERED)
        cursor.execute(CONNECTIONS.format(**sizes))
        cursor.execute("ANALYZE made")
        for model, source, values in _copies():
            cursor.execute(copies_of(model, originals[model], source=source, values=values))
        from apps.audit.models import AuditEvent

        source = f"({EVENTS.format(kinds=kinds, kind_count=len(KINDS), **sizes)}) AS made"
        cursor.execute(copies_of(AuditEvent, originals[AuditEvent], source=source, values=_EVENT_VALUES))
        cursor.execute("SET session_replication_role = origin")
        for original in originals.values():
            if not isinstance(original, AuditEvent):
                original.delete()
        cursor.execute("VACUUM ANALYZE")
    return owner


def copies_of(model: Any, original: Any, *, source: str, values: Mapping[str, str]) -> str:
    """The INSERT of a copy of `original` for each row of `source`; `values` are SQL expressions by column."""
    kept = [f.column for f in model._meta.concrete_fields if not f.generated and f.column not in values]
    kept = [column for column in kept if column != "id" or model._meta.pk.get_internal_type() != "BigAutoField"]
    columns = ", ".join([*values, *kept])
    selected = ", ".join([*values.values(), *(f"original.{column}" for column in kept)])
    table, key = model._meta.db_table, model._meta.pk.column
    return (
        f"INSERT INTO {table} ({columns}) SELECT {selected} "  # noqa: S608 - names of the product's own tables
        f"FROM {source}, {table} AS original WHERE original.{key} = '{original.pk}'"
    )


_NAMES = "(ARRAY['Operations','Finance','Marketing','Support','Research','Sales','Logistics'])[1 + number % 7]"
_LEVEL = "(ARRAY['use','view','manage'])[1 + number % 3]"
_ACCOUNT = f"{_NAMES} || ' ' || number"
_EVENT_VALUES = {
    "occurred_at": "made.occurred_at",
    "team_id": "made.team_id",
    "actor_kind": "CASE WHEN made.action LIKE 'connection.refresh%' THEN 'system' ELSE 'user' END",
    "actor_id": "CASE WHEN made.action LIKE 'connection.refresh%' THEN '' ELSE made.owner_id::text END",
    "actor_label": "CASE WHEN made.action LIKE 'connection.refresh%' THEN 'Specway' ELSE 'Member' END",
    "action": "made.action",
    "outcome": "made.outcome",
    "target_type": "'connection'",
    "target_id": "made.id::text",
    "target_label": _ACCOUNT,
    "integration": "slug",
    "workflow_id": "'wf-' || event % 500",
}


def _copies() -> list[tuple[Any, str, dict[str, str]]]:
    """What is copied: the model, the rows to make, and the columns that differ."""
    from apps.connections.models import Connection, ConnectionShare, Credential, DailyUse, TokenSet, WorkflowUse

    own = {"id": "gen_random_uuid()", "connection_id": "made.id", "team_id": "made.team_id"}
    long_ago = "now() - interval '1 second' * number * 30"
    return [
        (
            Connection,
            "made",
            {
                **{name: f"made.{name}" for name in ("id", "team_id", "owner_id", "integration_id", "is_shared")},
                "everyones_level": f"CASE WHEN made.is_shared THEN {_LEVEL} ELSE '' END",
                **dict.fromkeys(("name", "account_label"), _ACCOUNT),
                "account_subject": "'account-' || number",
                "status": "CASE WHEN is_red THEN 'needs_attention' ELSE 'active' END",
                "status_reason": "CASE WHEN is_red THEN 'reauthorization_required' ELSE '' END",
                "created_at": long_ago,
                "verified_at": f"CASE WHEN number % 10 > 0 THEN {long_ago} END",
                "last_used_at": f"CASE WHEN number % 6 > 0 THEN {long_ago} END",
            },
        ),
        (TokenSet, "(SELECT * FROM made WHERE kind = 'oauth2') AS made", own),
        (Credential, "(SELECT * FROM made WHERE kind = 'api_key') AS made", own),
        (
            ConnectionShare,
            "(SELECT * FROM made WHERE is_shared) AS made",
            {"connection_id": "made.id", "level": _LEVEL},
        ),
        (
            WorkflowUse,
            "(SELECT * FROM made WHERE number % 3 = 0) AS made",
            {"connection_id": "made.id", "team_id": "made.team_id", "workflow_id": "'wf-' || number % 500"},
        ),
        (
            DailyUse,
            "(SELECT made.*, days FROM made, generate_series(0, 2) AS days WHERE number % 3 = 0) AS made",
            {"connection_id": "made.id", "day": "current_date - days"},
        ),
    ]


def _make_teams() -> str:
    from django.utils import timezone

    from apps.teams.models import Membership, Role, Team, User

    now = timezone.now()
    teams = [Team.objects.create(name=f"Team {number}") for number in range(TEAMS)]
    people, memberships = [], []
    for place, team in enumerate(teams):
        for number in range(FEW_MEMBERS if place else MANY_MEMBERS):
            person = User(email=f"member-{place}-{number}@volume.example", name=f"Member {place} {number}")
            person.set_unusable_password()
            people.append(person)
            role = Role.OWNER if number == 0 else Role.ADMIN if number < 3 else Role.MEMBER
            memberships.append(Membership(team=team, user=person, role=role, created_at=now))
    User.objects.bulk_create(people, batch_size=500)
    Membership.objects.bulk_create(memberships, batch_size=500)
    return people[0].email


def _make_originals() -> dict[Any, Any]:
    """A row of each table, stored as the product stores it."""
    from datetime import timedelta

    from django.utils import timezone

    from apps.audit.models import AuditEvent
    from apps.connections.models import Connection, ConnectionShare, Credential, DailyUse, TokenSet, WorkflowUse
    from apps.integrations.models import Integration
    from apps.teams.models import Membership

    now, owner = timezone.now(), Membership.objects.select_related("team", "user").order_by("pk")[0]
    connection = Connection.objects.create(
        team=owner.team,
        integration=Integration.objects.filter(kind="oauth2", team=None)[0],
        owner=owner.user,
        name="Original",
        scopes_granted=["profile", "read"],
        status_changed_at=now,
        created_at=now,
    )
    of_team = {"connection": connection, "team": owner.team}
    return {
        TokenSet: TokenSet.objects.create(
            access_token=secrets.token_urlsafe(),
            refresh_token=secrets.token_urlsafe(),
            obtained_at=now,
            expires_at=now + timedelta(days=3),
            next_refresh_at=now + timedelta(days=2),
            **of_team,
        ),
        Credential: Credential.objects.create(fields=secrets.token_urlsafe(), created_at=now, **of_team),
        ConnectionShare: ConnectionShare.objects.create(connection=connection, user=None),
        WorkflowUse: WorkflowUse.objects.create(
            connection=connection, workflow_id="wf", name="Export", last_used_at=now
        ),
        DailyUse: DailyUse.objects.create(connection=connection, day=now.date(), calls=100, failures=3),
        AuditEvent: AuditEvent.objects.create(occurred_at=now, actor_kind="system", action="team.created"),
        Connection: connection,
    }


if __name__ == "__main__":
    sys.exit(main())
