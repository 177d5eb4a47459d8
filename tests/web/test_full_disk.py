"""A disk without space, for real: a small file system of its own, which only Linux and enough privileges can mount."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

ON_A_FULL_DISK = """
mount -t tmpfs -o size=256k none "$VAR_DIR" || exit 99
cat /dev/zero > "$VAR_DIR/filler" 2>/dev/null
exec "$PYTHON" -c "$PROGRAM"
"""
COUNTING = """
import django
django.setup()
from apps.connections import metrics
from apps.integrations.models import Integration
for slug in ("one", "two"):
    metrics.refresh_failed(Integration(slug=slug), outcome="busy")
    with metrics.token_call(Integration(slug=slug), grant="refresh_token"):
        pass
print("alive")
"""
READINESS = """
import django
django.setup()
from apps.web import health
print(health._disk())
"""


pytestmark = pytest.mark.needs_mount


@pytest.fixture
def on_a_full_disk(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a program with the product's settings, its VAR_DIR on a file system without space."""
    (tmp_path / "var").mkdir()

    def run(program: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/usr/bin/unshare", "-m", "/bin/sh", "-c", ON_A_FULL_DISK],
            cwd=REPOSITORY,
            env={
                "PATH": os.environ["PATH"],
                "PYTHON": sys.executable,
                "PROGRAM": program,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "ENV_FILE": str(tmp_path / "no.env"),
                "VAR_DIR": str(tmp_path / "var"),
                "METRICS_TOKEN": secrets.token_urlsafe(),
                "SECRET_KEY": secrets.token_urlsafe(),
                "FINGERPRINT_KEY": secrets.token_urlsafe(),
                "VAULT_KEYS": "test:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_counting_on_a_full_disk_does_not_end_the_process(
    on_a_full_disk: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    done = on_a_full_disk(COUNTING)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
    assert "not counted: refresh_failed (OSError)" in done.stderr


def test_readiness_names_a_full_disk(on_a_full_disk: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    done = on_a_full_disk(READINESS)
    assert (done.returncode, done.stdout) == (0, "VAR_DIR: no space left on device\n"), done.stderr
