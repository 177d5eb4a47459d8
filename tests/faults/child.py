"""One driven process: `python -m tests.faults.child refresh|read|read-rounds|complete ...`. Results are JSON."""

import json
import sys
from typing import Any
from uuid import UUID

import django

from apps.errors import SpecwayError


def refresh(token_set_id: str, version: str) -> dict[str, Any]:
    """What the worker's task does."""
    from apps.connections.services import schedule

    schedule.refresh_batch([(UUID(token_set_id), int(version))])
    return {}


def read(connection_id: str, membership_id: str) -> dict[str, Any]:
    """What a program gets that asks for a token: it and its version, or the code of the error."""
    from apps.connections.models import Connection
    from apps.connections.services.tokens import issue_token
    from apps.teams.models import Membership
    from tests.factories import actor_for

    try:
        connection = Connection.objects.with_details().get(pk=connection_id)
        token = issue_token(connection=connection, actor=actor_for(Membership.objects.get(pk=membership_id)))
    except SpecwayError as error:
        return {"error": error.code, "retry_after": getattr(error, "retry_after", None)}
    except Connection.DoesNotExist:
        return {"error": "not_found"}
    return {"token": token.access_token, "version": token.version, "ttl": token.ttl}


def complete(membership_id: str, path: str, query_string: str) -> dict[str, Any]:
    """What the callback of an authorization flow leads to, in the login session of the tests."""
    from apps.connections.services import authorize
    from apps.teams.models import Membership
    from tests.fixtures.connections import ORIGIN, SESSION

    user = Membership.objects.get(pk=membership_id).user
    try:
        attempt = authorize.complete(
            path=path, query_string=query_string, user=user, session_key=SESSION, origin=ORIGIN
        )
    except SpecwayError as error:
        return {"error": error.code, "sentence": error.sentence}
    return {"connection": str(attempt.connection_id)}


def say(result: dict[str, Any]) -> None:
    print(json.dumps(result), flush=True)  # noqa: T201 - the test reads it


def main(command: str, *arguments: str) -> None:
    django.setup()
    if command == "refresh":
        say(refresh(*arguments))
    elif command == "read":
        say(read(*arguments))
    elif command == "complete":
        say(complete(*arguments))
    elif command == "read-rounds":
        say({"ready": True})
        for _ in sys.stdin:
            say(read(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
