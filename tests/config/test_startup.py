"""Web, worker and beat do not start where they would only fail."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from apps.vault import checks
from config import startup
from tests import forked
from tests.e2e.processes import procfile_line
from tests.prepared import keys
from tests.processes import free_port, python_of, running_product
from tests.vault.keys import new_key

PROCESSES = ("web", "worker", "beat")


def test_without_the_database_a_process_starts_and_readiness_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(checks, "check_keys_in_use", down)
    monkeypatch.setattr(startup.connections, "close_all", lambda: None)
    startup.require_keys_in_use()


def test_processes_with_a_missing_vault_key_end_with_a_message(tmp_path: Path) -> None:
    used = keys()["VAULT_KEYS"].partition(":")[0]
    with running_product(tmp_path, web=0, worker=False, beat=False) as product:
        product.manage("shell", "-v", "0", "-c", SEAL)
        env = product.env | {"VAULT_KEYS": f"other:{new_key()}", "PORT": str(free_port())}
        for name in PROCESSES:
            done = forked.run(python_of(procfile_line(name), env), env=env, timeout=120)
            output = done.stdout + done.stderr
            assert done.returncode not in (0, None), (name, output)
            assert f"Rows still use the key '{used}', which is not configured" in output, (name, output)


SEAL = """
from apps.teams.models import SecondFactorSecret
SecondFactorSecret.objects.create(secret="seed")
"""


def test_the_refusal_names_the_key_and_the_way_to_remove_it(monkeypatch: pytest.MonkeyPatch) -> None:
    error = checks.Error("Rows still use the key 'k1'.", hint="Put the key back.", id="vault.E011")
    monkeypatch.setattr(checks, "check_keys_in_use", lambda *_, **__: [error])
    monkeypatch.setattr(startup.connections, "close_all", lambda: None)
    with pytest.raises(ImproperlyConfigured, match=r"Rows still use the key 'k1'\. Put the key back\."):
        startup.require_keys_in_use()
