"""On whose behalf a service function sends requests and checks URLs: that of its actor's team.

Operators can open internal hosts for some teams only (`EGRESS_ALLOWED_HOSTS`).
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from apps import egress
from apps.teams.actor import Actor

P = ParamSpec("P")
R = TypeVar("R")


def for_actors_team(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator for functions with the keyword argument `actor`: they reach the hosts that are open to its team."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        actor = cast(Actor, kwargs["actor"])
        with egress.on_behalf_of(actor.team.pk if actor.team else None):
            return function(*args, **kwargs)

    return call
