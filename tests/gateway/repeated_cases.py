"""Changes between a call and the same call again, each by one row or column that decides about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from apps.connections.models import Connection, ConnectionShare, TokenSet
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import ApiKey, Membership, User
from apps.vault.services import seal
from tests.connections.token_cases import Scene, make_known

Change = Callable[[Scene, ApiKey], object]
EVERY_SCOPE_BUT_USE = ["connections:token", "connections:read"]


def make_usual(scene: Scene, *, shared_with: str = "") -> None:
    """Keys that this process knows, a fresh token, and a verified connection.

    `shared_with` is "everyone", "colleague", or "" for a personal connection.
    """
    now = timezone.now()
    for api_key, _ in scene.keys.values():
        make_known(api_key)
    earlier, later = now - timedelta(hours=1), now + timedelta(hours=1)
    TokenSet.objects.update(expires_at=later, obtained_at=earlier, next_refresh_at=None)
    Connection.objects.update(verified_at=now, is_shared=bool(shared_with))
    Membership.objects.filter(pk=scene.member.pk).update(role="member")
    if shared_with:
        user = {"everyone": None, "colleague": scene.member.user}[shared_with]
        ConnectionShare.objects.create(connection=scene.connection, user=user, level="use")


def key_columns(**values: Any) -> Change:
    return lambda scene, key: ApiKey.objects.filter(pk=key.pk).update(**values)


def connection_columns(**values: Any) -> Change:
    return lambda scene, key: Connection.objects.update(**values)


def integration_columns(**values: Any) -> Change:
    return lambda scene, key: Integration.objects.update(**values)


def token_columns(**values: Any) -> Change:
    return lambda scene, key: TokenSet.objects.update(**values)


def holder_columns(**values: Any) -> Change:
    return lambda scene, key: User.objects.filter(pk=key.user_id).update(**values)


def membership(change: Callable[[Any], object]) -> Change:
    return lambda scene, key: change(Membership.objects.filter(user=key.user_id))


def shares(change: Callable[[Any], object]) -> Change:
    return lambda scene, key: change(ConnectionShare.objects.all())


def refreshed(scene: Scene, key: ApiKey) -> None:
    row = TokenSet.objects.get()
    TokenSet.objects.update(version=F("version") + 1, **seal(row, access_token="the-token-after-a-refresh"))


def moved_app(scene: Scene, key: ApiKey) -> None:
    OAuthApp.objects.update(params={"origin": "http://127.0.0.1:2"})


def moved(model: Any) -> Change:
    return lambda scene, key: model.objects.update(team=scene.stranger.team)


PAST = timezone.now() - timedelta(minutes=1)
# By name: whose key calls, with whom the connection is shared, and what changes then.
CHANGES: dict[str, tuple[str, str, Change]] = {
    "key revoked": ("own", "", key_columns(revoked_at=PAST)),
    "key expired": ("own", "", key_columns(expires_at=PAST)),
    "key without its scope": ("own", "", key_columns(scopes=EVERY_SCOPE_BUT_USE)),
    "key may not see secrets any more": ("own", "", key_columns(scopes=["connections:use"])),
    "key rotated": ("own", "", key_columns(secret_hash="0" * 64)),
    "key renamed": ("own", "", key_columns(name="other")),
    "service key revoked": ("service", "everyone", key_columns(revoked_at=PAST)),
    "key of a person who is switched off": ("own", "", holder_columns(is_active=False)),
    "key of a person with a new name": ("own", "", holder_columns(name="Somebody Else")),
    "member removed": ("colleague", "everyone", membership(lambda rows: rows.delete())),
    "member promoted": ("colleague", "colleague", membership(lambda rows: rows.update(role="admin"))),
    "share withdrawn": ("colleague", "colleague", shares(lambda rows: rows.delete())),
    "share of everyone withdrawn": ("service", "everyone", shares(lambda rows: rows.delete())),
    "made personal": ("colleague", "everyone", connection_columns(is_shared=False)),
    "handed over": ("own", "", connection_columns(handed_over_from="Mara")),
    "renamed": ("own", "", connection_columns(name="Another name")),
    "disconnecting": ("own", "", connection_columns(status="disconnecting")),
    "needs attention": ("own", "", connection_columns(status="needs_attention", status_reason="token_refused")),
    "without an OAuth app": ("own", "", connection_columns(oauth_app=None)),
    "no longer in the catalog": ("own", "", integration_columns(slug="no-longer-in-the-catalog")),
    "of another kind": ("own", "", integration_columns(kind="none")),
    "OAuth app at another host": ("own", "", moved_app),
    "refreshed": ("own", "", refreshed),
    "token due": ("own", "", token_columns(expires_at=PAST)),
    "tokens lost": ("own", "", token_columns(access_token=None)),
    "tokens deleted": ("own", "", lambda scene, key: TokenSet.objects.all().delete()),
    "connection of another team": ("own", "", moved(Connection)),
    "tokens of another team": ("own", "", moved(TokenSet)),
}
