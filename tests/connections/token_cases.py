"""Random situations in which an API key reads a token: who holds it, whose connection it is, and what has changed."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from django.utils import timezone

from apps.audit.origin import Origin
from apps.connections.models import Connection, ConnectionShare, DailyUse, TokenSet, WorkflowUse
from apps.integrations.models import Integration
from apps.teams import known_callers
from apps.teams.actor import Actor, key_holder_actor, service_actor
from apps.teams.models import ApiKey, Membership, Role, User
from tests.connections.rows import make_connection, make_integration
from tests.factories import ALL_SCOPES, make_key, make_member, make_team, make_user

OTHER_SCOPES = [scope for scope in ALL_SCOPES if scope != "connections:token"]
# Within the precision of times of last use, however busy the machine is.
JUST_NOW = timedelta(minutes=1)
WORKFLOW = {"Specway-Workflow": 'wf-7; name="Rückzahlung"', "Specway-Run": "run-9"}


@dataclass
class Scene:
    """The rows that each case changes: a team with three members and their keys, and one connection."""

    owner: Membership
    member: Membership
    stranger: Membership
    connection: Connection
    keys: dict[str, tuple[ApiKey, str]]


def make_scene(origin: str = "http://127.0.0.1:1") -> Scene:
    """`origin` is where the service is."""
    owner, stranger = make_member(), make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger"))
    member = make_member(owner.team, Role.ADMIN, user=make_user("Kwame Boateng"))
    connection = make_connection(make_integration(origin), owner, name="Ada’s \u2028 sandbox")
    holders = {"own": owner, "colleague": member, "foreign": stranger}
    keys = {name: make_key(holder) for name, holder in holders.items()}
    keys["service"] = make_key(member, ApiKey.Kind.SERVICE, name="nightly")
    keys["foreign service"] = make_key(stranger, ApiKey.Kind.SERVICE)
    return Scene(owner, member, stranger, connection, keys)


@dataclass(frozen=True)
class Case:
    """One situation. The defaults are the usual one: the owner's own key and a token that is fresh."""

    key: str = "own"
    changed_key: dict[str, Any] = field(default_factory=dict)
    holder: str = "member"
    connection: dict[str, Any] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    integration: dict[str, Any] = field(default_factory=dict)
    token_set: dict[str, Any] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    used_today: bool = False
    body: str | None = "{}"
    headers: dict[str, str] = field(default_factory=dict)

    def apply(self, scene: Scene) -> None:
        """Write the situation to the database. The process knows the key from an earlier call."""
        now = timezone.now()
        api_key = scene.keys[self.key][0]
        make_known(api_key)
        ApiKey.objects.filter(pk=api_key.pk).update(**_moments(self.changed_key, now))
        _change_holder(self.holder, api_key)
        values = {"obtained_at": timedelta(minutes=-10), "expires_at": timedelta(minutes=50), "next_refresh_at": None}
        TokenSet.objects.update(**_moments(values | self.token_set, now))
        Connection.objects.update(**_moments(self.connection, now))
        Integration.objects.update(**self.integration)
        for whom in self.shares:
            user = {"everyone": None, "owner": scene.owner.user, "colleague": scene.member.user}[whom]
            ConnectionShare.objects.create(connection=scene.connection, user=user, level="use")
        if self.used_today:
            DailyUse.objects.create(connection=scene.connection, day=now.date(), calls=7, failures=2)
            WorkflowUse.objects.create(
                connection=scene.connection, workflow_id="wf-7", name="Before", last_used_at=now - timedelta(days=1)
            )
        for table in self.moved:
            {"connection": Connection, "token_set": TokenSet}[table].objects.update(team=scene.stranger.team)


def usual_cases() -> list[Case]:
    """Those that one statement has to answer."""
    shared = {"is_shared": True}
    return [
        Case(),
        Case(body=None),
        Case(key="service", connection=shared, shares=("everyone",)),
        Case(used_today=True, headers=WORKFLOW, body='{"min_ttl": 600, "strict": true, "scopes": []}'),
        Case(token_set={"expires_at": None}, headers={"Specway-Workflow": "wf-8"}),
        Case(connection={"status": "needs_attention", "status_reason": "service_unavailable"}),
        Case(connection={"scopes_requested": ["profile", "messages:read"], "scopes_granted": ["profile"]}),
        Case(connection={"last_used_at": JUST_NOW}, changed_key={"last_used_at": JUST_NOW}),
    ]


def changed_cases(key: str) -> list[Case]:
    """The usual case of the owner's own key or of a service key, with each of the changes alone.

    For a key of another team: a connection that is shared with everyone, moved to that team.
    """
    usual = next(case for case in usual_cases() if case.key == key.removeprefix("foreign "))
    if key == "foreign service":
        return [replace(usual, key=key, moved=moved) for moved in ((), *MOVED)]
    return [_changed(usual, name, value) for change in CHANGES for name, value in change]


def random_case(random: Random) -> Case:
    """A usual case with some changes, most of which are reasons to refuse."""
    case = random.choice(usual_cases())
    for change in random.sample(CHANGES, random.choice((1, 1, 2, 3))):
        case = _changed(case, *random.choice(change))
    return case


def _changed(case: Case, name: str, value: Any) -> Case:
    before = getattr(case, name)
    return replace(case, **{name: before | value if isinstance(before, dict) else value})


# Which rows somebody with write access to the database moved to another team.
MOVED = (("connection",), ("token_set",), ("connection", "token_set"))
# Groups of changes of which at most one is chosen; each a field of Case and its value.
CHANGES: list[list[tuple[str, Any]]] = [
    [("key", name) for name in ("own", "colleague", "foreign", "service", "foreign service")],
    [("changed_key", {"expires_at": timedelta(seconds=-1)}), ("changed_key", {"expires_at": None})],
    [("changed_key", {"revoked_at": timedelta(seconds=-1)}), ("changed_key", {"secret_hash": "0" * 64})],
    [("changed_key", {"scopes": OTHER_SCOPES}), ("changed_key", {"scopes": []})],
    [("changed_key", {"last_used_at": value}) for value in (None, timedelta(minutes=-2), JUST_NOW)],
    [("holder", value) for value in ("removed", "inactive", "nameless", "admin", "owner")],
    [("connection", {"is_shared": value}) for value in (True, False)],
    [("shares", value) for value in ((), ("everyone",), ("colleague",), ("owner",), ("everyone", "colleague"))],
    [("connection", {"handed_over_from": "Mara Lindqvist"})],
    [("connection", {"status": value}) for value in ("active", "needs_attention", "disconnecting")],
    [("connection", {"last_used_at": value}) for value in (None, timedelta(minutes=-2), JUST_NOW)],
    [("connection", {"oauth_app": None}), ("integration", {"slug": "no-longer-in-the-catalog"})],
    [("connection", {"scopes_requested": ["b", "a"], "scopes_granted": value}) for value in (["a"], ["b", "a"], [])],
    [("connection", {"name": "n" * 200})],
    [("integration", {"kind": value}) for value in Integration.Kind.values],
    [("token_set", {"expires_at": timedelta(seconds=value)}) for value in (-1, 40, 3600)],
    [("token_set", {"expires_at": timedelta(seconds=50), "obtained_at": timedelta(seconds=-20)})],
    [("token_set", {"access_token": None}), ("token_set", {"refresh_token": None})],
    [("moved", value) for value in MOVED],
    [("used_today", True)],
    [("body", value) for value in (None, "{}", '{"min_ttl": 40}', '{"min_ttl": 4000}')],
    [("body", value) for value in ('{"min_ttl": 4000, "strict": true}', '{"scopes": ["a"]}', '{"min_ttl": -1}')],
    [("body", value) for value in ('{"min_ttl": 1, "min_ttl": 2}', '{"min_ttl": true}', "[]", "{")],
    [("headers", value) for value in (WORKFLOW, {"Specway-Workflow": "wf-7"}, {"Specway-Run": "x" * 201})],
]  # fmt: skip


def make_known(api_key: ApiKey) -> None:
    """This process has authenticated the key before."""
    known_callers.remember(api_key, _actor(api_key))


def _actor(api_key: ApiKey) -> Actor:
    origin = Origin(kind="user", id="", label="")
    if api_key.kind == ApiKey.Kind.SERVICE:
        return service_actor(api_key, origin=origin)
    return key_holder_actor(api_key, Role.MEMBER, origin=origin)


def _moments(values: dict[str, Any], now: Any) -> dict[str, Any]:
    return {name: now + value if isinstance(value, timedelta) else value for name, value in values.items()}


def _change_holder(change: str, api_key: ApiKey) -> None:
    membership = Membership.objects.filter(team=api_key.team_id, user=api_key.user_id)
    if change == "removed":
        membership.delete()
    elif change in Role.values:
        membership.update(role=change)
    elif change == "inactive":
        User.objects.filter(pk=api_key.user_id).update(is_active=False)
    elif change == "nameless":
        User.objects.filter(pk=api_key.user_id).update(name="")
