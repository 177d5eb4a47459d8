"""The system check of the catalog: an invalid file stops the start; the error names the file and the key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.integrations.catalog.entries import catalog_files, entry_in
from apps.integrations.catalog.errors import CatalogError


@register()
def catalog_is_valid(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """One error for each file that violates the schema."""
    errors: list[CheckMessage] = []
    if settings.CATALOG_DIR and not Path(settings.CATALOG_DIR).is_dir():
        return [Error(f"CATALOG_DIR {settings.CATALOG_DIR} is not a folder.", id="integrations.E002")]
    try:
        paths = catalog_files()
    except CatalogError as error:
        return [Error(str(error), hint="Rename the file.", id="integrations.E001")]
    for path in paths:
        try:
            entry_in(path)
        except CatalogError as error:
            errors.append(Error(str(error), hint=f"Correct {path}.", id="integrations.E001"))
    return errors
