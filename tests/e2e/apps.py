"""The Django app of processes whose clock a test sets: rate limits read the time from a file."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.apps import AppConfig


@dataclass(frozen=True)
class FileClock:
    """Replaces the module `time` where a test must not depend on how long its calls take."""

    file: Path

    def time(self) -> float:
        """Seconds since 1970, as the file says."""
        return float(self.file.read_text())

    def set(self, seconds: float) -> None:
        unfinished = self.file.with_suffix(".new")
        unfinished.write_text(str(seconds))
        unfinished.rename(self.file)  # a reader sees the old time or the new one


class ClockConfig(AppConfig):
    name = "tests.e2e"

    def ready(self) -> None:
        from apps.teams import throttling

        throttling.time = FileClock(Path(os.environ["CLOCK_FILE"]))  # type: ignore[attr-defined, assignment]
