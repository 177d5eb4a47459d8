"""The tables in docs/permissions.md are generated from the predicates, so the two cannot disagree."""

from pathlib import Path

from apps.connections.models import Connection, ConnectionShare, Level
from apps.connections.policy.access import ABILITIES
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Role, Team, User
from apps.teams.permissions import ALLOWED

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
BEGIN, END = "<!-- who may do what: written by tests/permissions/test_documentation.py -->", "<!-- end -->"


def connection_table() -> str:
    """One row for each ability, one column for each kind of actor. `personal`: only while nothing is shared."""
    team, owner, other = Team(name="T"), User(email="o@x.example"), User(email="x@x.example")
    service = Actor(team=team, api_key=ApiKey(kind=ApiKey.Kind.SERVICE), scopes=frozenset())
    member = Actor(team=team, user=other, role=Role.MEMBER)
    columns: dict[str, list[tuple[Actor, Level | None, bool]]] = {
        "its owner": [(Actor(team=team, user=owner, role=Role.MEMBER), None, False)],
        "team owners and admins, while shared": [(Actor(team=team, user=other, role=Role.ADMIN), Level.USE, False)],
        "… while personal": [(Actor(team=team, user=other, role=Role.ADMIN), None, False)],
        "*Manage*": [(member, Level.MANAGE, True)],
        "*View*": [(member, Level.VIEW, True)],
        "*Use only*": [(member, Level.USE, True)],
        "other members": [(member, None, False)],
        "service keys, if everyone has *Use only*": [(service, Level.USE, False)],
    }
    lines = ["| may | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for words, may in ABILITIES.items():
        marks = [
            "yes" if may(actor, _connection(team, owner, actor, level, by_name=by_name)) else "–"
            for ((actor, level, by_name),) in columns.values()
        ]
        lines.append(f"| {words} | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def _connection(team: Team, owner: User, actor: Actor, level: Level | None, *, by_name: bool) -> Connection:
    """Nothing of it is stored: its shares stand where prefetched ones do."""
    connection = Connection(team=team, owner=owner, is_shared=level is not None)
    user = actor.user if by_name else None
    shares = [] if level is None else [ConnectionShare(connection=connection, user=user, level=level)]
    queryset = ConnectionShare.objects.none()
    queryset._result_cache = shares
    connection._prefetched_objects_cache = {"shares": queryset}  # type: ignore[attr-defined]
    return connection


def team_table() -> str:
    lines = ["| may in the team | " + " | ".join(role.label.lower() for role in Role) + " |", "|---|---|---|---|"]
    for action, roles in ALLOWED.items():
        lines.append(f"| {action} | " + " | ".join("yes" if role in roles else "–" for role in Role) + " |")
    return "\n".join(lines)


def test_the_documented_tables_match_the_predicates() -> None:
    shown = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip()
    expected = f"{connection_table()}\n\n{team_table()}"
    assert shown == expected, f"Put this into docs/permissions.md:\n\n{expected}"
