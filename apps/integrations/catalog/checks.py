"""The system check of the catalog: an invalid file stops the start; the error names the file and the key."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from apps.integrations.catalog.entries import PROVIDERS_DIR, entry_in
from apps.integrations.catalog.errors import CatalogError


@register()
def catalog_is_valid(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """One error for each file that violates the schema."""
    errors: list[CheckMessage] = []
    for path in sorted(PROVIDERS_DIR.glob("*.toml")):
        try:
            entry_in(path)
        except CatalogError as error:
            errors.append(Error(str(error), hint=f"Correct {path}.", id="integrations.E001"))
    return errors
