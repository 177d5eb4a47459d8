"""Settings for tests: the product's own, with keys that exist only in this run, and a folder and database of its own.

DATABASE_URL chooses the database server of the run; nothing else of the caller's environment or `.env` is used.
"""

import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path

# Creating a file in memory takes a tenth of what it takes on a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a random name
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4e9:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # it may have been chosen already

# The processes of pytest-xdist inherit what the first one sets here: one run, one set of keys.
MADE_RUN_DIR = "SPECWAY_TESTS_DIR" not in os.environ
RUN_DIR = Path(os.environ.get("SPECWAY_TESTS_DIR") or tempfile.mkdtemp(prefix="specway-tests-"))
os.environ["SPECWAY_TESTS_DIR"] = str(RUN_DIR)
os.environ["VAR_DIR"] = str(RUN_DIR / os.environ.get("PYTEST_XDIST_WORKER", "main"))
os.environ["ENV_FILE"] = str(RUN_DIR / "no.env")
for _name in ("SECRET_KEY", "FINGERPRINT_KEY", "METRICS_TOKEN"):
    os.environ.setdefault(_name, secrets.token_urlsafe(48))
os.environ.setdefault("VAULT_KEYS", "test:" + base64.b64encode(secrets.token_bytes(32)).decode())
os.environ["PUBLIC_URL"] = "http://127.0.0.1:8000"
os.environ.pop("REDIS_URL", None)

from config.settings import *  # noqa: E402, F403 - the environment above must be set before

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # Nothing here has to survive a power cut, and each migration would wait for the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405
else:
    # Tests exchange the database of a process, while a pool keeps its first one's address.
    DATABASES["default"]["OPTIONS"].pop("pool", None)  # noqa: F405
    DATABASES["default"]["CONN_MAX_AGE"] = 60  # noqa: F405
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
API_RATES["failed"] = 0  # noqa: F405 - all tests come from one address
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT = ""
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client has a WhiteNoise of its own: it looks files up when they are requested, not all of them first.
WHITENOISE_AUTOREFRESH = True
# Django's test client uses the session's key as the cookie. tests/teams/test_sessions.py has the product's sessions,
# and so do all tests that start processes.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
PRODUCT_MIDDLEWARE: list[str] = globals()["MIDDLEWARE"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware" if each == "apps.teams.sessions.SessionMiddleware" else each
    for each in PRODUCT_MIDDLEWARE
]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
CORS_ALLOWED_ORIGINS = BROWSER_ORIGINS = ["https://app.example.com"]
# For the test-only management commands in tests/management, and the tables of the vault's tests.
INSTALLED_APPS = [*INSTALLED_APPS, "tests", "tests.vault.testapp"]  # noqa: F405
# No thread commits what a test left in the spool: it would not see the test's transaction.
SPOOL_REPLAY_INTERVAL = None
