"""The Django app of the processes that tests drive: it puts a catalog of the test's in the place of the product's."""

import os
from pathlib import Path

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from apps.integrations.catalog import entries

        if folder := os.environ.get("FAULT_CATALOG"):
            entries.PROVIDERS_DIR = Path(folder)
