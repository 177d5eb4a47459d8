"""`manage.py check_catalog`: validates the catalog files and prints counts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.integrations.catalog.entries import PROVIDERS_DIR
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.reader import read_provider
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.catalog.vendor_scopes import has_vendor_list, scope_problems

# What a line counts -> the slugs of the services.
Groups = Mapping[str, list[str]]


class Command(BaseCommand):
    help = "Validate the catalog files. Fails with an error that names the file and the key of each problem."
    requires_system_checks = []  # they validate the same files, and stop at the first error

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="Only these services; all if omitted.")
        parser.add_argument("--list", action="store_true", help="List the services that each line counts.")

    def handle(self, *args: Any, **options: Any) -> None:
        entries, errors = [], []
        for path in _files(options["slug"]):
            try:
                entries.append(read_provider(path))
            except CatalogError as error:
                errors.append(str(error))
        oauth2 = [entry for entry in entries if entry.kind == "oauth2"]
        contradictions = [problem for entry in entries for problem in scope_problems(entry)]
        for title, groups in (
            *_groups_by_field(entries).items(),
            ("OAuth 2.0", _oauth2_groups(oauth2)),
            ("Accounts that cannot be identified", _unknown_accounts(oauth2)),
            ("Scopes", _scope_groups(entries, contradictions)),
            ("Guides to the OAuth app", _guide_groups(entries)),
        ):
            self._print(title, groups, with_slugs=options["list"])
        self.stdout.write(f"{len(entries)} services")
        if errors:
            total = len(entries) + len(errors)
            errors.append(f"{len(errors)} of {total} files are invalid.")
        if errors or contradictions:
            raise CommandError("\n".join([*contradictions, *errors]))

    def _print(self, title: str, groups: Groups, *, with_slugs: bool) -> None:
        self.stdout.write(f"{title}:")
        for name, slugs in groups.items():
            self.stdout.write(f"  {len(slugs):4}  {name}")
            if with_slugs and slugs:
                self.stdout.write(f"        {', '.join(slugs)}")


def _oauth2_groups(entries: list[CatalogEntry]) -> Groups:
    return {
        "account known": [entry.slug for entry in entries if entry.identifies_account],
        "account not known, with the reason": [entry.slug for entry in entries if not entry.identifies_account],
        "error codes translated": [
            entry.slug for entry in entries if entry.oauth2 and (entry.oauth2.error_aliases or entry.oauth2.error_rules)
        ],
        "several API hosts": [entry.slug for entry in entries if entry.hosts],
        "can be revoked": [entry.slug for entry in entries if entry.revocation],
    }


def _guide_groups(entries: Iterable[CatalogEntry]) -> Groups:
    """The services that need an OAuth app, by whether the file says how it is registered."""
    needing = [entry for entry in entries if entry.oauth2 or entry.oauth1]
    guided = [entry for entry in needing if entry.guide]
    return {
        "with a guide": [entry.slug for entry in guided],
        "of these, confirmed by the vendor's pages": [entry.slug for entry in guided if not _doubts_guide(entry)],
        "without": [entry.slug for entry in needing if not entry.guide],
    }


def _doubts_guide(entry: CatalogEntry) -> bool:
    return any(key.startswith("guide") for key in entry.metadata.unverified)


def _unknown_accounts(entries: Iterable[CatalogEntry]) -> Groups:
    return _by_size((entry.identity.unknown, entry.slug) for entry in entries if entry.identity.unknown)


def _scope_groups(entries: list[CatalogEntry], contradictions: list[str]) -> Groups:
    """The rules refuse a scope at a host that is not declared, so that all that is offered can be used at some host;
    where a vendor lists its scopes, the list also says at which."""
    offering = [entry for entry in entries if entry.scopes]
    contradicted = {problem.partition(":")[0] for problem in contradictions}
    return {
        "all offered scopes reachable": [entry.slug for entry in offering if entry.slug not in contradicted],
        "of these, agreeing with the vendor's own list": [
            entry.slug for entry in offering if has_vendor_list(entry) and entry.slug not in contradicted
        ],
        "contradicting the vendor's own list": sorted(contradicted),
        "no scopes to offer": [entry.slug for entry in entries if not entry.scopes],
    }


def _files(slugs: Iterable[str]) -> list[Path]:
    paths = [PROVIDERS_DIR / f"{slug}.toml" for slug in slugs] or sorted(PROVIDERS_DIR.glob("*.toml"))
    missing = [path.stem for path in paths if not path.is_file()]
    if missing:
        raise CommandError(f"The catalog has no file for {', '.join(missing)}.")
    return paths


def _groups_by_field(entries: list[CatalogEntry]) -> dict[str, Groups]:
    return {
        "Kind": _by_size((entry.kind, entry.slug) for entry in entries),
        "Category": _by_size((entry.category, entry.slug) for entry in entries),
        "Confidence": _by_size((_confidence(entry), entry.slug) for entry in entries),
    }


def _by_size(pairs: Iterable[tuple[str, str]]) -> Groups:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, slug in pairs:
        groups[name].append(slug)
    sizes = Counter({name: len(slugs) for name, slugs in groups.items()})
    return {name: groups[name] for name, _ in sizes.most_common()}


def _confidence(entry: CatalogEntry) -> str:
    if entry.metadata.checked == "vendor":
        return "checked: confirmed by the vendor's pages"
    if len(entry.metadata.sources) > 1:
        return "not yet tried: two or more libraries agree"
    return "not yet tried: one library"
