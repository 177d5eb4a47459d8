"""The Django app of the processes that tests drive: it puts a catalogue of the test's in the place of the product's."""

import os
from pathlib import Path

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from apps.integrations import catalogue

        if folder := os.environ.get("FAULT_CATALOGUE"):
            catalogue.CATALOGUE_DIR = Path(folder)
