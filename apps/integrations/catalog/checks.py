"""The system checks of the catalog: an error names the file and the key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.integrations.catalog.entries import built_in_files, entry_in, own_files
from apps.integrations.catalog.errors import CatalogError


@register()
def catalog_is_valid(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """One error for each of the operator's files, those in `CATALOG_DIR`, that violates the schema."""
    if settings.CATALOG_DIR and not Path(settings.CATALOG_DIR).is_dir():
        return [Error(f"CATALOG_DIR {settings.CATALOG_DIR} is not a folder.", id="integrations.E002")]
    try:
        return _invalid(own_files())
    except CatalogError as error:
        return [Error(str(error), hint="Rename the file.", id="integrations.E001")]


@register(deploy=True)
def built_in_catalog_is_valid(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """The same for the files of built-in services. With `check --deploy` only, since reading all of them takes half of
    the time in which a command starts, and they change with a release only."""
    return _invalid(built_in_files())


def _invalid(paths: list[Path]) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for path in paths:
        try:
            entry_in(path)
        except CatalogError as error:
            errors.append(Error(str(error), hint=f"Correct {path}.", id="integrations.E001"))
    return errors
