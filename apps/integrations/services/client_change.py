"""What follows in the rooms above when an OAuth app becomes another client: each says so once, as it starts."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from apps.audit.origin import Origin
from apps.integrations.models import OAuthApp

Follower = Callable[[OAuthApp, Origin], None]
_followers: list[Follower] = []


def follow(follower: Follower) -> None:
    """Have `follower(oauth_app, origin)` called after the change is committed, in no transaction."""
    if follower not in _followers:
        _followers.append(follower)


def tell(oauth_app: OAuthApp, *, origin: Origin) -> None:
    """Tell all followers once the caller's transaction is committed."""
    for follower in _followers:
        transaction.on_commit(partial(follower, oauth_app, origin))
