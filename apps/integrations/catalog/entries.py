"""Catalog entries, from the TOML files of built-in services or the definitions of custom APIs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_noop

from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.reader import read_definition, read_provider
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration

PROVIDERS_DIR = Path(__file__).parent.parent / "providers"


class Catalog(Mapping[str, CatalogEntry]):
    """Every built-in service by slug. A file is read when its entry is asked for, which raises CatalogError where the
    file is invalid."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path.stem: path for path in paths}

    def __getitem__(self, slug: str) -> CatalogEntry:
        return entry_in(self._paths[slug])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, slug: object) -> bool:
        return slug in self._paths


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """The services of the files that ship and of the operator's. Raises CatalogError."""
    return Catalog([*built_in_files(), *own_files()])


def built_in_files() -> list[Path]:
    """The files of built-in services, by name."""
    return sorted(PROVIDERS_DIR.glob("*.toml"))


def own_files() -> list[Path]:
    """The operator's files in `CATALOG_DIR`. Raises CatalogError where one has the name of a built-in service."""
    own = sorted(Path(settings.CATALOG_DIR).glob("*.toml")) if settings.CATALOG_DIR else []
    for path in own:
        if (PROVIDERS_DIR / path.name).exists():
            raise CatalogError(path.name, "", "a built-in service has this name; rename the file in CATALOG_DIR")
    return own


@cache
def entry_in(path: Path) -> CatalogEntry:
    """The entry in a catalog file. Raises CatalogError. Cached: a file does not change while a process runs."""
    return read_provider(path)


@lru_cache(maxsize=1)
def code_parameters() -> frozenset[str]:
    """The redirect parameters other than `code` that carry the authorization code at some service."""
    return frozenset(entry.oauth2.callback_code_parameter for entry in catalog().values() if entry.oauth2) - {"code"}


def entry_of(integration: Integration) -> CatalogEntry | None:
    """The catalog entry of a built-in service or a custom API. None where the file was removed, and for a custom API
    whose authentication is not complete yet."""
    if integration.team_id is None:
        return catalog().get(integration.slug)
    return _defined(json.dumps(integration.definition), integration.slug) if integration.definition else None


@lru_cache(maxsize=256)
def _defined(definition: str, slug: str) -> CatalogEntry:
    return read_definition(json.loads(definition), slug=slug)


def entry_for(integration: Integration) -> CatalogEntry:
    """The catalog entry of the integration. Raises IntegrationMisconfigured where there is none."""
    entry = entry_of(integration)
    if entry is not None:
        return entry
    if integration.team_id is None:
        raise IntegrationMisconfigured(
            gettext_noop("The catalog no longer has an entry for %(service)s.") % {"service": integration.name}
        )
    raise IntegrationMisconfigured(
        gettext_noop(
            "The authentication of %(service)s is not set up yet. An owner or admin can do that in Custom APIs."
        )
        % {"service": integration.name}
    )
