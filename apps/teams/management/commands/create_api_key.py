"""`manage.py create_api_key`: creates an API key and prints nothing but the key."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.audit.origin import Origin
from apps.errors import SpecwayError
from apps.teams import keys
from apps.teams.actor import Actor, operator_actor
from apps.teams.models import ApiKey, Membership, Team
from apps.teams.services.api_keys import create_api_key

ORIGIN = Origin(kind="operator", id="", label="Command line")


class Command(BaseCommand):
    help = "Create an API key of a team and print it once. Only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True, help="the team's ID or name")
        parser.add_argument("--user", help="e-mail address of the member a personal key acts as")
        parser.add_argument("--service", action="store_true", help="a service key: acts for the team")
        parser.add_argument("--name", required=True, help="what uses the key")
        parser.add_argument("--scope", action="append", required=True, choices=list(keys.SCOPES), help="repeatable")
        parser.add_argument("--days", type=int, help="days until the key expires; without, it does not expire")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["user"]) == options["service"]:
            raise CommandError("Pass either --user <e-mail address> or --service.")
        actor = _operator(_team(options["team"]), options["user"])
        try:
            created = create_api_key(
                actor=actor,
                kind=ApiKey.Kind.SERVICE if options["service"] else ApiKey.Kind.PERSONAL,
                name=options["name"],
                scopes=options["scope"],
                expires_at=_end(options["days"]),
            )
        except SpecwayError as error:
            raise CommandError(error.sentence) from None
        self.stdout.write(created.text)


def _operator(team: Team, email: str | None) -> Actor:
    operator = operator_actor(team, origin=ORIGIN)
    if not email:
        return operator
    membership = Membership.objects.select_related("user").filter(team=team, user__email__iexact=email).first()
    if membership is None:
        raise CommandError(f"{email} is not a member of {team}.")
    return replace(operator, user=membership.user)


def _team(id_or_name: str) -> Team:
    try:
        teams = list(Team.objects.filter(pk=UUID(id_or_name)))
    except ValueError:
        teams = list(Team.objects.filter(name=id_or_name)[:2])
    if len(teams) != 1:
        raise CommandError(f"There is {'no' if not teams else 'more than one'} team {id_or_name!r}. Pass its ID.")
    return teams[0]


def _end(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= 3650:
        raise CommandError("--days must be between 1 and 3650.")
    return timezone.now() + timedelta(days=days)
