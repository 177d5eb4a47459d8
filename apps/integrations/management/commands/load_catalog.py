"""`manage.py load_catalog`: synchronizes the built-in services in the database with the catalog files."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.sync import load_catalog


class Command(BaseCommand):
    help = "Load the catalog of built-in services. Safe to run at every deployment."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_catalog()
        except CatalogError as error:
            raise CommandError(str(error)) from error
        for what, slugs in vars(loaded).items():
            if slugs:
                self.stdout.write(f"{what}: {', '.join(slugs)}")
        if not any(vars(loaded).values()):
            self.stdout.write("The catalog is up to date.")
