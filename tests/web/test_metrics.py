"""/metrics: who may read it, and that it adds up the counters of several processes, living or dead."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.connections.metrics import ALLOCATED
from apps.connections.models import TokenSet
from apps.connections.services.heartbeat import record_heartbeat
from apps.integrations.models import OAuthApp
from apps.sql import Now
from apps.web import operations
from apps.web.metrics import counted
from tests import factories, forked
from tests.connections.rows import make_connection, make_integration
from tests.forked import REPOSITORY, Started

COUNTING = """
import django
django.setup()
from apps.connections import metrics
from apps.integrations.models import Integration
for _ in range(int(input())):
    metrics.refresh_failed(Integration(slug="sandbox"), outcome="busy")
print("counted", flush=True)
input()
"""


def read(client: Client, token: str = "") -> str:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {token or product.METRICS_TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    return response.content.decode()


@pytest.mark.django_db
def test_the_token_gives_access_to_the_metrics(visitor: Client) -> None:
    assert "specway_refreshes_due 0.0" in read(visitor)


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer é"])
def test_other_requests_are_refused_also_from_a_signed_in_operator(header: str, visitor: Client) -> None:
    visitor.force_login(factories.User.objects.create_superuser("operator@specway.example", secrets.token_urlsafe()))
    given = {"Authorization": header.format(token=product.METRICS_TOKEN)} if header else {}
    response = visitor.get("/metrics", headers=given)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert b"specway_" not in response.content


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer None"])
def test_without_the_setting_there_is_no_such_page(header: str, visitor: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert visitor.get("/metrics", headers={"Authorization": header} if header else {}).status_code == 404


@pytest.mark.django_db
def test_gauges_report_the_current_state(visitor: Client, settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR = str(tmp_path)
    (tmp_path / "one.1.json").touch()
    integration = make_integration()
    make_connection(integration)
    red = make_connection(integration, status="needs_attention", status_reason="outcome_unknown")
    TokenSet.objects.filter(connection=red).update(unresolved_sends=1, next_refresh_at=None)
    at_it = make_connection(integration)
    soon = Now() + timedelta(seconds=30)
    TokenSet.objects.filter(connection=at_it).update(unresolved_sends=1, lease_until=soon)
    OAuthApp.objects.update(broken_since=timezone.now(), broken_code="invalid_client")
    silent = {"circuit_open_until": timezone.now(), "circuit_failures": 5}
    OAuthApp.objects.filter(integration=make_integration(slug="silent")).update(**silent)
    record_heartbeat()
    lines = read(visitor).splitlines()
    assert "specway_refreshes_due 1.0" in lines
    assert "specway_token_sets_interrupted 1.0" in lines
    assert "specway_oauth_apps_broken 1.0" in lines
    assert "specway_circuits_open 1.0" in lines
    assert "specway_spool_files 1.0" in lines
    assert "specway_database_reachable 1.0" in lines
    assert 'specway_connections{reason="",status="active"} 2.0' in lines
    assert 'specway_connections{reason="outcome_unknown",status="needs_attention"} 1.0' in lines
    values = dict(line.split() for line in lines if line.startswith(("specway_refresh_oldest", "specway_last_beat")))
    assert 90 <= float(values["specway_refresh_oldest_due_seconds"]) < 3600
    assert float(values["specway_last_beat_seconds"]) < 3600


@pytest.mark.django_db
def test_gauges_of_the_disk_are_reported_without_the_database(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(operations, "queue", away)
    text = read(visitor)
    assert "specway_database_reachable 0.0" in text
    assert "specway_spool_files" in text
    assert "specway_refreshes_due" not in text


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENV_FILE": str(tmp_path / "no.env"),
        "VAR_DIR": str(tmp_path),
        "METRICS_TOKEN": secrets.token_urlsafe(),
        "SECRET_KEY": secrets.token_urlsafe(),
        "FINGERPRINT_KEY": secrets.token_urlsafe(),
        "VAULT_KEYS": "test:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }


@contextmanager
def process_that_counted(times: int, environment: dict[str, str]) -> Iterator[Started]:
    command = [sys.executable, "-c", COUNTING]
    process: Started = forked.start(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{times}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "counted\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_counters_of_living_and_dead_processes_add_up(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "metrics"
    sample = 'specway_refreshes_total{{integration="sandbox",outcome="busy"}} {}'
    with process_that_counted(3, environment) as one, process_that_counted(4, environment):
        assert sample.format("7.0") in counted(folder).decode().splitlines()
        one.kill()
        one.wait()
        assert sample.format("7.0") in counted(folder).decode().splitlines()
    with process_that_counted(5, environment):
        assert sample.format("12.0") in counted(folder).decode().splitlines()


def test_space_is_allocated_in_the_files_that_the_library_uses(tmp_path: Path, environment: dict[str, str]) -> None:
    with process_that_counted(3, environment) as process:
        files = list((tmp_path / "metrics").glob("counter_*.db"))
        assert files == [tmp_path / "metrics" / f"counter_{process.pid}.db"]
        assert files[0].stat().st_blocks * 512 >= ALLOCATED


def test_an_emptied_folder_sets_the_counters_back(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "metrics"
    with process_that_counted(3, environment):
        pass
    assert b'outcome="busy"} 3.0' in counted(folder)
    for path in folder.glob("*.db"):
        path.unlink()
    assert b'outcome="busy"' not in counted(folder)


def test_management_commands_leave_no_files(tmp_path: Path, environment: dict[str, str]) -> None:
    # Of all commands, it imports the most. Its own process imports the library that would write them.
    command = [sys.executable, "manage.py", "check"]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    assert list((tmp_path / "metrics").iterdir()) == []
