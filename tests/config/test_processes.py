"""The Procfile's processes, started for real."""

from pathlib import Path

import pytest
import requests
from celery import Celery
from django.conf import settings

from tests.processes import Product, running_product


def serves_and_logs_no_query(product: Product) -> None:
    canary = "canary-in-the-query"
    for url in product.urls:
        answer = requests.get(f"{url}/oauth/callback?code={canary}&state={canary}", timeout=30)
        assert answer.status_code < 500
    assert canary not in product.wait_for_log("GET /oauth/callback")


def test_the_processes_run_on_sqlite_and_the_folder_queue(tmp_path: Path) -> None:
    with running_product(tmp_path, web=2, sandbox=True) as product:
        serves_and_logs_no_query(product)
        assert set(product.accounts) == {"owner@specway.example", "member@specway.example"}
    assert all(process.poll() is not None for process in product.processes.values())


@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
def test_the_processes_run_on_postgresql_and_redis(tmp_path: Path) -> None:
    with running_product(tmp_path, database="postgresql", broker="redis") as product:
        serves_and_logs_no_query(product)
        assert "created: github" not in product.manage("load_catalog")
        client = Celery(broker=product.env["REDIS_URL"])
        client.conf.broker_transport_options = settings.REDIS_TRANSPORT_OPTIONS
        assert client.control.ping(timeout=2) == [], "a worker takes commands"
