"""`manage.py rotate_vault_keys`: re-wraps every row's data key under the primary key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.vault import backends, rotation
from apps.vault.rotation import Progress
from apps.vault.services import rows_per_key, sealed_models

BAR = 30


class Command(BaseCommand):
    help = (
        "Wraps the data key of every row under the primary key, the first of VAULT_KEYS. "
        "Secrets themselves are not touched. Can be interrupted and run again, while the product runs."
    )
    # It must run while a key is missing, which is a failing system check.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only report how many rows are due.")
        parser.add_argument("--batch", type=int, default=rotation.BATCH, help="Rows per transaction (%(default)s).")

    def handle(self, *args: Any, dry_run: bool, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("--batch must be 1 or more.")
        if dry_run:
            for model in sealed_models():
                self.stdout.write(f"{model._meta.label}: {rotation.due(model).count()} rows are due.")
        else:
            self._rotate(batch)
        self._report()

    def _rotate(self, batch: int) -> None:
        unreadable = 0
        try:
            for model in sealed_models():
                progress = self._rotate_table(model, batch)
                unreadable += len(progress.unreadable)
        except KeyboardInterrupt:
            self._report()
            raise CommandError("Interrupted. Run it again for the remaining rows.") from None
        if unreadable:
            self._report()
            raise CommandError(f"The data keys of {unreadable} rows could not be unwrapped and were not changed.")

    def _rotate_table(self, model: Any, batch: int) -> Progress:
        progress = Progress(model, total=0)
        for progress in rotation.rewrap(model, batch=batch):
            if progress.total:
                self.stdout.write(f"{_bar(progress)} {model._meta.label}: {progress.seen} of {progress.total} rows")
        for pk, reason in progress.unreadable.items():
            self.stderr.write(f"{model._meta.label} {pk}: {reason}")
        if progress.overtaken:
            self.stdout.write(f"{model._meta.label}: {progress.overtaken} rows changed meanwhile and were skipped.")
        return progress

    def _report(self) -> None:
        backend = backends.active()
        primary = backend.primary()
        self.stdout.write("Rows per key:")
        for kid, rows in sorted({primary: 0, **rows_per_key()}.items()):
            note = " (primary)" if kid == primary else "" if backend.knows(kid) else " (missing!)"
            self.stdout.write(f"  {kid}{note}: {rows}")


def _bar(progress: Progress) -> str:
    filled = min(BAR, BAR * progress.seen // max(progress.total, 1))
    return f"[{'#' * filled}{'.' * (BAR - filled)}]"
