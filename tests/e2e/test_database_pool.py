"""The pool of database connections of the real web server, whose waiting calls hold none, and of the real worker."""

import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.processes import running_product
from tests.upstream import upstream

SILENT_CALLS = 4
OURS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
    (answer,) = cursor.fetchone()
"""


@pytest.mark.needs_postgresql
def test_calls_that_wait_for_a_service_leave_the_only_connection_to_others(tmp_path: Path) -> None:
    with upstream() as service:
        env = {"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{service.port}", "DATABASE_POOL": "1", "WEB_THREADS": "16"}
        with (
            running_product(tmp_path, database="postgresql", worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            connection, _, key = look.run(CONNECT_UPSTREAM, origin=service.url, token=UPSTREAM_TOKEN)
            base, headers = f"{product.url}/api/v1/connections/{connection}", {"Authorization": f"Bearer {key}"}

            def call() -> None:
                with suppress(requests.RequestException):
                    requests.get(f"{base}/proxy/wait", headers=headers, timeout=120)

            callers = [threading.Thread(target=call) for _ in range(SILENT_CALLS)]
            for caller in callers:
                caller.daemon = True  # their calls end with the service
                caller.start()
            deadline = time.monotonic() + 60
            while sum("/api/wait" in line for line in service.lines) < SILENT_CALLS:
                assert time.monotonic() < deadline, service.lines
                time.sleep(0.05)
            for _ in range(3):
                response = requests.post(f"{base}/token/", headers=headers, timeout=60)
                assert response.status_code == 200, response.text
            assert look.run(OURS) <= 1


OTHERS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    answer = [pid for (pid,) in cursor.fetchall()]
"""
REFRESH = """
from uuid import uuid4
from apps.connections.tasks import refresh_some
refresh_some.delay([(str(uuid4()), 1)])
"""


@pytest.mark.needs_postgresql
def test_a_worker_keeps_its_connection_between_tasks(tmp_path: Path) -> None:
    env = {"DATABASE_POOL": "1", "WORKER_THREADS": "4"}
    with (
        running_product(tmp_path, database="postgresql", web=0, beat=False, env=env) as product,
        inside(product) as look,
    ):
        seen = []
        for number in range(3):
            look.run(REFRESH)
            deadline = time.monotonic() + 60
            while len(re.findall(r"refresh_some\[\S+\] succeeded", product.logs())) <= number:
                assert time.monotonic() < deadline, product.logs()
                time.sleep(0.05)
            seen.append(look.run(OTHERS))
        assert len(seen[0]) == 1
        assert seen == [seen[0]] * 3
