"""Headers and promises that follow from the settings."""

import json
import os
import sys

import pytest
from django.test import Client

from tests import forked

KEYS = ("SECRET_KEY", "FINGERPRINT_KEY", "VAULT_KEYS")
SHOW = """
import json
from django.conf import settings
print(json.dumps([settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_PRELOAD]))
"""


@pytest.mark.parametrize(
    ("more", "preload"),
    [({}, False), ({"HSTS_PRELOAD": "True"}, True)],
)
def test_hsts_is_preloaded_only_if_requested(more: dict[str, str], preload: bool) -> None:
    env = {
        name: os.environ[name]
        for name in ("PATH", "SECRET_KEY", "FINGERPRINT_KEY", "VAULT_KEYS", "VAR_DIR", "ENV_FILE")
    }
    env |= {"PUBLIC_URL": "https://connections.example.com", "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = forked.run([sys.executable, "-c", SHOW], env=env | more)
    assert done.returncode == 0, done.stderr
    seconds, preloaded = json.loads(done.stdout)
    assert seconds > 0
    assert preloaded is preload


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/me/", "/healthz"])
def test_responses_forbid_browser_features_that_no_page_needs(path: str) -> None:
    policy = Client().get(path)["Permissions-Policy"]
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(policy.split(", "))
