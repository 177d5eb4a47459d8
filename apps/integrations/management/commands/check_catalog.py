"""`manage.py check_catalog`: validates the catalog files and prints counts."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.integrations.catalog.entries import PROVIDERS_DIR
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.reader import read_provider
from apps.integrations.catalog.schema import CatalogEntry


class Command(BaseCommand):
    help = "Validate the catalog files. Fails with an error that names the file and the key of each problem."
    requires_system_checks = []  # they validate the same files, and stop at the first error

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="Only these services; all if omitted.")

    def handle(self, *args: Any, **options: Any) -> None:
        entries, errors = [], []
        for path in _files(options["slug"]):
            try:
                entries.append(read_provider(path))
            except CatalogError as error:
                errors.append(str(error))
        for title, counts in _counts(entries).items():
            self._print(title, counts.most_common())
        oauth2 = [entry for entry in entries if entry.kind == "oauth2"]
        self._print("OAuth 2.0", _oauth2_counts(oauth2))
        self._print("Accounts that cannot be identified", _unknown_accounts(oauth2).most_common())
        self.stdout.write(f"{len(entries)} services")
        if errors:
            total = len(entries) + len(errors)
            raise CommandError("\n".join([*errors, f"{len(errors)} of {total} files are invalid."]))

    def _print(self, title: str, counts: Iterable[tuple[str, int]]) -> None:
        self.stdout.write(f"{title}:")
        for name, count in counts:
            self.stdout.write(f"  {count:4}  {name}")


def _oauth2_counts(entries: list[CatalogEntry]) -> list[tuple[str, int]]:
    known = [entry for entry in entries if entry.identifies_account]
    return [
        ("account known", len(known)),
        ("account not known, with the reason", len(entries) - len(known)),
        # The rules reject a scope at a host that is not declared, so every scope that is offered can be used.
        ("all offered scopes reachable", sum(bool(entry.scopes) for entry in entries)),
        ("no scopes to offer", sum(not entry.scopes for entry in entries)),
        (
            "error codes translated",
            sum(bool(entry.oauth2 and (entry.oauth2.error_aliases or entry.oauth2.error_rules)) for entry in entries),
        ),
        ("several API hosts", sum(bool(entry.hosts) for entry in entries)),
        ("can be revoked", sum(entry.revocation is not None for entry in entries)),
    ]


def _unknown_accounts(entries: list[CatalogEntry]) -> Counter[str]:
    return Counter(entry.identity.unknown for entry in entries if entry.identity.unknown)


def _files(slugs: Iterable[str]) -> list[Path]:
    paths = [PROVIDERS_DIR / f"{slug}.toml" for slug in slugs] or sorted(PROVIDERS_DIR.glob("*.toml"))
    missing = [path.stem for path in paths if not path.is_file()]
    if missing:
        raise CommandError(f"The catalog has no file for {', '.join(missing)}.")
    return paths


def _counts(entries: Iterable[CatalogEntry]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {"Kind": Counter(), "Category": Counter(), "Confidence": Counter()}
    for entry in entries:
        counts["Kind"][entry.kind] += 1
        counts["Category"][entry.category] += 1
        counts["Confidence"][_confidence(entry)] += 1
    return counts


def _confidence(entry: CatalogEntry) -> str:
    if entry.metadata.checked == "vendor":
        return "checked: confirmed by the vendor's pages"
    if len(entry.metadata.sources) > 1:
        return "not yet tried: two or more libraries agree"
    return "not yet tried: one library"
