"""What a new version needs before its processes start."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from apps.web.migration import migrate


class Command(BaseCommand):
    help = "Run migrations (as MIGRATION_DATABASE_URL, if set) and load the catalog. Safe to repeat."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        migrate(verbosity=options["verbosity"])
        call_command("load_catalog", stdout=self.stdout)
