"""`manage.py create_api_key`: makes an API key and prints it once, on standard output and nothing else."""

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
    help = "Make an API key of a team and print it once. Only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True, help="the team's ID or name")
        parser.add_argument("--user", help="e-mail address of the member a personal key acts as")
        parser.add_argument("--service", action="store_true", help="a service key: acts for the team")
        parser.add_argument("--name", required=True, help="what runs with the key")
        parser.add_argument("--scope", action="append", required=True, choices=list(keys.SCOPES), help="repeatable")
        parser.add_argument("--days", type=int, help="days until the key ends; without, it does not end")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["user"]) == options["service"]:
            raise CommandError("Say either --user <e-mail address> or --service.")
        actor = _operator(_team(options["team"]), options["user"])
        try:
            made = create_api_key(
                actor=actor,
                kind=ApiKey.Kind.SERVICE if options["service"] else ApiKey.Kind.PERSONAL,
                name=options["name"],
                scopes=options["scope"],
                expires_at=_end(options["days"]),
            )
        except SpecwayError as error:
            raise CommandError(error.sentence) from None
        self.stdout.write(made.text)


def _operator(team: Team, email: str | None) -> Actor:
    operator = operator_actor(team, origin=ORIGIN)
    if not email:
        return operator
    membership = Membership.objects.select_related("user").filter(team=team, user__email__iexact=email).first()
    if membership is None:
        raise CommandError(f"{email} is not a member of {team}.")
    return replace(operator, user=membership.user)


def _team(wanted: str) -> Team:
    try:
        found = list(Team.objects.filter(pk=UUID(wanted)))
    except ValueError:
        found = list(Team.objects.filter(name=wanted)[:2])
    if len(found) != 1:
        raise CommandError(f"There is {'no' if not found else 'more than one'} team {wanted!r}. Give its ID.")
    return found[0]


def _end(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= 3650:
        raise CommandError("--days is a number from 1 to 3650.")
    return timezone.now() + timedelta(days=days)
