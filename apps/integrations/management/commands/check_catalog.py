"""`manage.py check_catalog`: reads every provider's file, names what is wrong in it, and counts what there is."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.integrations.catalog.entries import PROVIDERS_DIR
from apps.integrations.catalog.reader import CatalogError, read_provider
from apps.integrations.catalog.schema import CatalogEntry


class Command(BaseCommand):
    help = "Check the files of the catalog. Ends with an error that names file and key if one cannot be used."
    requires_system_checks = []  # they read the same files, and stop at the first that is wrong

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="Only these services; all without any.")

    def handle(self, *args: Any, **options: Any) -> None:
        entries, wrong = [], []
        for path in _files(options["slug"]):
            try:
                entries.append(read_provider(path))
            except CatalogError as error:
                wrong.append(str(error))
        for title, counts in _counts(entries).items():
            self.stdout.write(f"{title}:")
            for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
                self.stdout.write(f"  {count:4}  {name}")
        self.stdout.write(f"{len(entries)} services")
        if wrong:
            raise CommandError("\n".join([*wrong, f"{len(wrong)} of {len(entries) + len(wrong)} files are wrong."]))


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
    if entry.facts.checked == "vendor":
        return "checked: the vendor's pages confirm the essentials"
    if len(entry.facts.sources) > 1:
        return "not yet tried: two or more libraries agree"
    return "not yet tried: one library"
