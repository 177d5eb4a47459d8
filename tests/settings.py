"""Settings for tests: the product's own, with keys that exist only in this process and a folder of its own."""

import base64
import os
import secrets
import tempfile
from pathlib import Path

_var = Path(os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="specway-tests-")))
_var.mkdir(parents=True, exist_ok=True)
os.environ["ENV_FILE"] = str(_var / "no.env")
for _name in ("SECRET_KEY", "FINGERPRINT_KEY"):
    os.environ.setdefault(_name, secrets.token_urlsafe(48))
os.environ.setdefault("VAULT_KEYS", "test:" + base64.b64encode(secrets.token_bytes(32)).decode())
os.environ.setdefault("PUBLIC_URL", "http://127.0.0.1:8000")

from config.settings import *  # noqa: E402, F403 - the environment above must be set before

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
# A file rather than memory: threads that share a database in memory get "locked" at once instead of waiting.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": str(_var / "test.sqlite3")}  # noqa: F405
    # Nothing here has to survive a power cut, and each migration would wait for the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405
# For the test-only management commands in tests/management, and the tables of the vault's tests.
INSTALLED_APPS = [*INSTALLED_APPS, "tests", "tests.vault.testapp"]  # noqa: F405
