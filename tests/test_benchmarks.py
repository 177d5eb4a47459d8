"""The benchmarks can be started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection as database

import tests.bench
from apps.connections.models import Connection, ConnectionShare, WorkflowUse
from tests.bench import volume

FOLDER = Path(tests.bench.__file__).parent


def test_each_benchmark_can_be_imported_before_django_is_set_up() -> None:
    names = [
        f"tests.bench.{file.stem}" for file in FOLDER.glob("*.py") if 'if __name__ == "__main__"' in file.read_text()
    ]
    assert len(names) > 5
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", "".join(f"import {name}\n" for name in names)],
        env=environment,
        cwd=FOLDER.parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.needs_postgresql
def test_the_large_database_is_as_the_product_would_have_filled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if database.vendor != "postgresql":
        pytest.skip("It is filled by SQL of PostgreSQL.")
    for name, number in (("TEAMS", 3), ("BIG_TEAM", 12), ("MANY_MEMBERS", 4), ("FEW_MEMBERS", 2)):
        monkeypatch.setattr(volume, name, number)
    volume.fill(connections=30, events=10)
    database.close()  # and its temporary tables
    assert Connection.objects.count() == 30
    shares = dict(ConnectionShare.objects.filter(user=None).values_list("connection", "level"))
    assert {row.pk: row.everyones_level for row in Connection.objects.exclude(everyones_level="")} == shares
    uses = WorkflowUse.objects.select_related("connection")
    assert uses
    assert all(use.team_id == use.connection.team_id for use in uses)
