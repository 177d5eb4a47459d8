"""What follows in the rooms above when an OAuth app becomes another client, or a team's own API goes to other places:
each says so once, as it starts."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from apps.audit.origin import Origin
from apps.integrations.models import Integration, OAuthApp

Follower = Callable[[OAuthApp, Origin], None]
PlacesFollower = Callable[[Integration, Origin], None]
_followers: list[Follower] = []
_places_followers: list[PlacesFollower] = []


def follow(follower: Follower) -> None:
    """Have `follower(oauth_app, origin)` called after the change is committed, in no transaction."""
    if follower not in _followers:
        _followers.append(follower)


def tell(oauth_app: OAuthApp, *, origin: Origin) -> None:
    """Tell all followers once the caller's transaction is committed."""
    for follower in _followers:
        transaction.on_commit(partial(follower, oauth_app, origin))


def follow_places(follower: PlacesFollower) -> None:
    """Have `follower(integration, origin)` called after its addresses changed and that is committed."""
    if follower not in _places_followers:
        _places_followers.append(follower)


def tell_places(integration: Integration, *, origin: Origin) -> None:
    """Tell all who follow addresses once the caller's transaction is committed."""
    for follower in _places_followers:
        transaction.on_commit(partial(follower, integration, origin))
