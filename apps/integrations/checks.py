"""The system check of the catalogue: a provider's file that cannot be used stops the start and names file and key."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from apps.integrations.catalogue import CATALOGUE_DIR, entry_in
from apps.integrations.catalogue_reader import CatalogueError


@register()
def catalogue_is_valid(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """One error for each file that the schema refuses."""
    errors: list[CheckMessage] = []
    for path in sorted(CATALOGUE_DIR.glob("*.toml")):
        try:
            entry_in(path)
        except CatalogueError as error:
            errors.append(Error(str(error), hint=f"Correct {path}.", id="integrations.E001"))
    return errors
