"""The project's modules, imported before forking with settings of no one, which each forked process replaces.

What importing reads of the settings stays in the process. So each combination of the variables in AT_IMPORT has a
process of its own that forks, and a forked process that loads other values than were read ends with an error.
"""

import base64
import os
import secrets
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCT, SANDBOX = "config.settings", "apps.sandbox.settings"
KNOWN = (PRODUCT, SANDBOX, "tests.faults.settings", "tests.e2e.settings")
# Variables that modules read, or that settings depend on which modules read, while they are imported.
AT_IMPORT = ("DATABASE_POOL", "DEBUG", "FAULT_TIMES", "REQUEST_SLOTS")
# Names of tables are cut to what the database allows: ours are shorter.
HARMLESS = ("DATABASES",)
# Libraries keep these; of what depends on the process (addresses, lifetimes) they read nothing while they are imported.
KEPT = {
    "OAUTH2_PROVIDER": ("oauth2_provider.settings", "oauth2_settings"),
    "SPECTACULAR_SETTINGS": ("drf_spectacular.settings", "spectacular_settings"),
}


def variables_of(command: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """The variables to import the project's modules with for `python COMMAND`; empty if it begins without them."""
    if command[:2] == ["-m", "apps.sandbox"]:
        settings = SANDBOX
    else:
        is_product = command[0] == "manage.py" or command[:2] in (["-m", "gunicorn"], ["-m", "celery"])
        settings = env.get("DJANGO_SETTINGS_MODULE", PRODUCT if is_product else "")
    if settings not in KNOWN:
        return {}
    found = {name: env[name] for name in AT_IMPORT if name in env}
    # prometheus_client decides while it is imported whether it counts in files.
    found |= dict.fromkeys({"METRICS_TOKEN"} & set(env), "any")
    return found | {"DJANGO_SETTINGS_MODULE": settings}


def load(variables: Mapping[str, str]) -> dict[str, Any]:
    """Imports the modules. Gives the settings that this read, by name."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        keys = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "FINGERPRINT_KEY")}
        keys["VAULT_KEYS"] = "none:" + base64.b64encode(secrets.token_bytes(32)).decode()
        folders = {"VAR_DIR": folder, "SANDBOX_VAR_DIR": folder, "ENV_FILE": f"{folder}/no.env"}
        os.environ.update(keys | folders | dict(variables))
        read = _import_all()
        if variables["DJANGO_SETTINGS_MODULE"] == PRODUCT:
            _read_catalog()
    os.environ.clear()
    os.environ.update(before)
    return read


def _import_all() -> dict[str, Any]:
    from django.apps import AppConfig, apps
    from django.conf import settings
    from django.contrib.auth.hashers import ScryptPasswordHasher
    from django.utils.module_loading import autodiscover_modules

    # The package without its Celery app, which reads the settings of the queue.
    config = sys.modules["config"] = types.ModuleType("config")
    config.__path__ = [str(REPOSITORY / "config")]
    settings._setup()
    reading = _Reading(settings._wrapped)
    settings._wrapped = reading
    create = AppConfig.create

    def create_without_start(entry: str) -> AppConfig:
        created = create(entry)
        created.__dict__["ready"] = lambda: None  # that is for the process which is forked
        return created

    AppConfig.create = create_without_start  # type: ignore[method-assign]
    apps.populate(settings.INSTALLED_APPS)
    AppConfig.create = create  # type: ignore[method-assign]
    autodiscover_modules("checks", "receivers", "tasks", *["admin"] * apps.is_installed("django.contrib.admin"))
    import_module(settings.ROOT_URLCONF)
    # A hash of a password is to take long: a fifth of a second, several times in each test with a person.
    ScryptPasswordHasher.work_factor, ScryptPasswordHasher.parallelism = 2, 1
    return reading.read


def _read_catalog() -> None:
    """The files of built-in services: a third of a second in each process that shows or checks them all."""
    from apps.integrations.catalog.entries import built_in_files, entry_in

    for path in built_in_files():
        entry_in(path)


class _Reading:
    """Settings that note what was read."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        self.read[name] = value = getattr(self.settings, name)
        return value


def begin_anew(variables: Mapping[str, str], read: Mapping[str, Any]) -> None:
    """In a forked process: the modules stay, and nothing is configured."""
    from asgiref.local import Local
    from django.apps import apps
    from django.conf import LazySettings, settings
    from django.db import connections
    from django.utils.functional import empty

    for name in [name for name in sys.modules if name.partition(".")[0] == "config"]:
        del sys.modules[name]
    sys.modules.pop(variables["DJANGO_SETTINGS_MODULE"], None)
    apps.app_configs.clear()
    apps.loading = apps.apps_ready = apps.models_ready = apps.ready = False
    apps.ready_event.clear()
    connections._settings = None
    connections.__dict__.pop("settings", None)
    connections._connections = Local(connections.thread_critical)
    settings._wrapped = empty
    set_up = LazySettings._setup

    def set_up_and_compare(self: Any, name: str | None = None) -> None:
        set_up(self, name)
        _compare(self._wrapped, read)

    LazySettings._setup = set_up_and_compare


def _compare(settings: Any, read: Mapping[str, Any]) -> None:
    """Raises RuntimeError if modules were imported with other settings than these."""
    same = read.keys() - {*HARMLESS, *KEPT}
    others = sorted(name for name in same if getattr(settings, name) != read[name])
    if others:
        raise RuntimeError(f"Modules were imported with other settings: see AT_IMPORT in {__name__}: {others}")
    for name in read.keys() & KEPT.keys():
        module, attribute = KEPT[name]
        kept = getattr(sys.modules[module], attribute)
        kept.reload()
        kept._user_settings = getattr(settings, name)
