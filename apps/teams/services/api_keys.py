"""Creating, rotating and revoking API keys."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotAllowed, NotFound
from apps.teams import browser_tokens, keys, permissions
from apps.teams.actor import Actor
from apps.teams.errors import InvalidRequest, KeyLacksScope
from apps.teams.models import ApiKey
from apps.teams.permissions import Action
from apps.teams.querysets import keys_visible_to
from apps.teams.services.teams import locked_team


@dataclass(frozen=True)
class CreatedKey:
    """A new key and its text, `spw_…`, which is shown once and never stored."""

    api_key: ApiKey
    text: str = field(repr=False)


@transaction.atomic
def create_api_key(
    *, actor: Actor, kind: ApiKey.Kind, name: str, scopes: list[str], expires_at: datetime | None
) -> CreatedKey:
    """Create a personal key of the actor, or a service key of the team.

    Raises NotAllowed (service keys: owners and admins only; a key cannot create one with more scopes or a longer
    lifetime than its own) and InvalidRequest (name, scopes, expires_at).
    """
    is_service = kind == ApiKey.Kind.SERVICE
    permissions.require(actor, Action.CREATE_SERVICE_KEYS if is_service else Action.CREATE_PERSONAL_KEYS)
    team = locked_team(actor)
    _check(actor, scopes, expires_at)
    text = keys.generate()
    api_key = ApiKey.objects.create(
        team=team,
        kind=kind,
        user=actor.user,
        name=_clean_name(name),
        prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret),
        scopes=[scope for scope in keys.SCOPES if scope in scopes],
        expires_at=expires_at,
    )
    record(
        action="api_key.created",
        origin=actor.origin,
        team_id=team.pk,
        target=target_of(api_key),
        kind=kind.value,
        scopes=api_key.scopes,
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return CreatedKey(api_key=api_key, text=text.reveal())


@transaction.atomic
def create_browser_token(*, actor: Actor, origin: str, scopes: list[str], seconds: int) -> dict[str, Any]:
    """A token of the actor's key for pages of `origin`: the values of BrowserTokenSerializer.

    Raises NotAllowed without a key, for a browser token, and for scopes that the key lacks.
    """
    api_key = actor.api_key
    if api_key is None or actor.by_browser_token:
        raise NotAllowed(gettext("Browser tokens are created with an API key."))
    if missing := [scope for scope in scopes if not actor.has_scope(scope)]:
        raise KeyLacksScope(missing[0])
    token, expires_at = browser_tokens.issue(api_key, origin=origin, scopes=scopes, seconds=seconds)
    target = target_of(api_key)
    record(
        action="browser_token.created",
        origin=actor.origin,
        team_id=api_key.team_id,
        target=target,
        for_origin=origin,
        scopes=sorted(scopes),
        expires_at=expires_at.isoformat(),
    )
    return {"token": token, "origin": origin, "scopes": sorted(scopes), "expires_at": expires_at}


@transaction.atomic
def rotate_api_key(
    *, actor: Actor, api_key_id: UUID, overlap: timedelta, expires_at: datetime | None = None
) -> CreatedKey:
    """Give a key a new text. The former one is accepted for the time of `overlap`, any before that no longer.

    Members rotate their own personal keys, owners and admins service keys, and each key itself. `expires_at` replaces
    the expiry. Raises NotFound, NotAllowed, KeyLacksScope, InvalidRequest (expires_at).
    """
    team, now = locked_team(actor), timezone.now()
    rows = ApiKey.objects.select_for_update(of=("self",)).filter(team=team, pk=api_key_id)
    api_key = (
        rows if _is_itself(actor, api_key_id) else rows.filter(pk__in=keys_visible_to(actor).values("pk"))
    ).first()
    if api_key is None or not api_key.is_valid_at(now):
        raise NotFound(gettext("There is no such valid API key that you can rotate."))
    _check_rotation(actor, api_key, expires_at)
    text = keys.generate()
    api_key.former_prefix, api_key.former_secret_hash = api_key.prefix, api_key.secret_hash
    api_key.former_until = now + overlap
    api_key.prefix, api_key.secret_hash = text.prefix, keys.hash_secret(text.secret)
    api_key.expires_at = expires_at or api_key.expires_at
    api_key.save()
    overlap_seconds = int(overlap.total_seconds())
    target = target_of(api_key)
    record(action="api_key.rotated", origin=actor.origin, team_id=team.pk, target=target, overlap=overlap_seconds)
    return CreatedKey(api_key=api_key, text=text.reveal())


def _check_rotation(actor: Actor, api_key: ApiKey, expires_at: datetime | None) -> None:
    if _is_itself(actor, api_key.pk):
        limit = api_key.expires_at
        if expires_at is not None and limit is not None and expires_at > limit:
            raise NotAllowed(gettext("A key cannot extend its own lifetime."))
    elif api_key.kind == ApiKey.Kind.PERSONAL and api_key.user != actor.user:
        raise NotAllowed(
            gettext("Only its member can rotate a personal key, since it acts as them. Revoke it instead.")
        )
    elif not actor.has_scope("connections:write"):
        raise KeyLacksScope("connections:write")
    else:
        _check(actor, api_key.scopes, expires_at or api_key.expires_at)
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest(gettext("The expiry must be in the future."), field="expires_at")


def _is_itself(actor: Actor, api_key_id: UUID) -> bool:
    return actor.api_key is not None and actor.api_key.pk == api_key_id and not actor.by_browser_token


def api_key_of(actor: Actor, api_key_id: UUID) -> ApiKey:
    """A key that the actor may see, or the actor's own. Raises NotFound."""
    visible = keys_visible_to(actor).filter(pk=api_key_id).first()
    if visible is None and actor.api_key is not None and _is_itself(actor, api_key_id):
        return actor.api_key
    if visible is None:
        raise NotFound(gettext("There is no such API key."))
    return visible


@transaction.atomic
def revoke_api_key(*, actor: Actor, api_key_id: UUID) -> ApiKey:
    """Revoke a key: the actor's own, or for owners and admins any of the team. Raises NotFound."""
    api_key = keys_visible_to(actor).select_for_update(of=("self",)).filter(pk=api_key_id).first()
    if api_key is None:
        raise NotFound(gettext("There is no such API key that you can revoke."))
    revoke(api_key, actor=actor)
    return api_key


def revoke(api_key: ApiKey, *, actor: Actor) -> None:
    """Revoke a key, in the caller's transaction. The caller has checked that the actor may."""
    if api_key.revoked_at is None:
        api_key.revoked_at = timezone.now()
        api_key.save(update_fields=["revoked_at"])
        record(action="api_key.revoked", origin=actor.origin, team_id=api_key.team_id, target=target_of(api_key))


def target_of(api_key: ApiKey) -> Target:
    return Target(type="api_key", id=str(api_key.pk), label=str(api_key))


def _check(actor: Actor, scopes: list[str], expires_at: datetime | None) -> None:
    unknown = [scope for scope in scopes if scope not in keys.SCOPES]
    if unknown:
        raise InvalidRequest(gettext("There is no permission %(name)s.") % {"name": unknown[0][:60]}, field="scopes")
    if not scopes:
        raise InvalidRequest(gettext("Choose at least one permission."), field="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest(gettext("The expiry must be in the future."), field="expires_at")
    if actor.api_key is None:
        return
    if not all(actor.has_scope(scope) for scope in scopes):
        raise NotAllowed(gettext("A key cannot create a key with more permissions than its own."))
    limit = actor.api_key.expires_at
    if limit is not None and (expires_at is None or expires_at > limit):
        raise NotAllowed(gettext("A key cannot create a key that expires later than itself."))


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 100:
        raise InvalidRequest(gettext("Enter a name of 1 to 100 characters."), field="name")
    return cleaned
