"""`manage.py load_catalogue`: brings the built-in services in the database in line with the catalogue's files."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.integrations.catalogue_reader import CatalogueError
from apps.integrations.services import load_catalogue


class Command(BaseCommand):
    help = "Load the catalogue of built-in services. Safe to run at every deployment."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_catalogue()
        except CatalogueError as error:
            raise CommandError(str(error)) from error
        for what, slugs in vars(loaded).items():
            if slugs:
                self.stdout.write(f"{what}: {', '.join(slugs)}")
        if not any(vars(loaded).values()):
            self.stdout.write("The catalogue is loaded already.")
