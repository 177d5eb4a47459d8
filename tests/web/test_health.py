"""Liveness without any check, readiness with the required parts."""

import socket
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from apps.web import health
from config.settings import REDIS_TRANSPORT_OPTIONS

pytestmark = pytest.mark.urls("tests.web.urls")


def broken(*_: object, **__: object) -> str:
    raise OperationalError('connection to "db.internal" as "specway" failed')


def test_liveness_makes_no_query(visitor: Client) -> None:
    # Without the django_db mark any query raises.
    response = visitor.get("/healthz")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readiness_reports_each_part(visitor: Client) -> None:
    response = visitor.get("/readyz")
    assert response.status_code == 200
    assert response.json()["checks"].keys() == {"database", "keys", "disk", "broker"}
    assert response.json()["checks"]["database"] == "ok"
    assert response.json()["checks"]["keys"] == "ok"


@pytest.mark.django_db
@pytest.mark.parametrize(("check", "part"), [("_database", "database"), ("_keys", "keys")])
def test_readiness_is_503_without_database_or_keys(
    check: str, part: str, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, check, broken)
    response = visitor.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["checks"][part] == "failed"
    assert b"db.internal" not in response.content


@pytest.mark.django_db
def test_readiness_is_503_if_nothing_can_be_written(visitor: Client, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = str(tmp_path / "file")
    response = visitor.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["disk"] == "SPOOL_DIR: file exists"


@pytest.mark.django_db
def test_readiness_checks_the_disk_of_a_sqlite_database(
    visitor: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(health.connection, "vendor", "sqlite", raising=False)
    monkeypatch.setitem(health.connection.settings_dict, "NAME", str(tmp_path / "file" / "db.sqlite3"))
    assert visitor.get("/readyz").json()["checks"]["disk"] == "DATABASE_URL: file exists"


@pytest.mark.django_db
def test_readiness_names_a_missing_key(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "missing_key_ids", lambda: {"k2", "k1"})
    response = visitor.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["keys"] == "missing: k1, k2"


@pytest.mark.django_db
def test_readiness_is_200_degraded_without_the_broker(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_broker", broken)
    response = visitor.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["checks"]["broker"] == "failed"


@pytest.mark.django_db
def test_a_broker_that_hangs_is_tried_once(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import Celery

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Celery(broker=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        hanging.conf.broker_transport_options = REDIS_TRANSPORT_OPTIONS
        monkeypatch.setattr(health, "current_app", hanging)
        assert visitor.get("/readyz").json()["checks"]["broker"] == "failed"
        with silent.accept()[0]:
            silent.settimeout(0.2)
            with pytest.raises(TimeoutError):
                silent.accept()


@pytest.mark.django_db
def test_a_broker_that_cannot_be_reached_is_reported(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import Celery

    dead = Celery(broker="redis://127.0.0.1:1/0")
    dead.conf.broker_transport_options = {"socket_connect_timeout": 1}
    monkeypatch.setattr(health, "current_app", dead)
    assert visitor.get("/readyz").json()["checks"]["broker"] == "failed"
