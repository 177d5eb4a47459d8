"""The parts of the installation that operators see on the health page: database, keys, mail, disk, workers."""

import shutil
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext, pgettext

from apps.teams.services.invitations import mail_is_set_up
from apps.vault.services import missing_key_ids

# The share of a disk in use, in percent, from which it is named, and from which it is a fault.
FULL, VERY_FULL = 85, 95
GIGABYTE = 10**9


@dataclass(frozen=True)
class Part:
    """A part with its status: `kind` is good, warn, bad or idle, `label` the status in words, `note` the figures."""

    name: str
    kind: str
    label: str
    note: str = ""


def parts() -> list[Part]:
    """Each part, asked now."""
    return [_database(), _keys(), _mail(), *_disks()]


def _database() -> Part:
    started = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        milliseconds = (perf_counter() - started) * 1000
        note = gettext("answers in %(n)s ms") % {"n": f"{milliseconds:.1f}"}
        if connection.vendor == "postgresql":
            cursor.execute("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
            used, most = cursor.fetchone()
            kind = "warn" if used * 100 >= most * FULL else "good"
            return Part(
                gettext("Database"),
                kind,
                gettext("%(used)s of %(most)s connections") % {"used": used, "most": most},
                note,
            )
    return Part(gettext("Database"), "good", connection.display_name, note)


def _keys() -> Part:
    missing = missing_key_ids()
    if missing:
        return Part(gettext("Encryption keys"), "bad", gettext("Missing"), ", ".join(sorted(missing)))
    return Part(gettext("Encryption keys"), "good", gettext("All available"))


def _mail() -> Part:
    if not mail_is_set_up():
        return Part(
            gettext("E-mail"), "warn", gettext("Not set up"), gettext("messages are written to files; set EMAIL_URL")
        )
    host = getattr(settings, "EMAIL_HOST", "") or gettext("configured")
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return Part(
        gettext("E-mail"),
        "good",
        pgettext("state", "Set up"),
        gettext("%(host)s, from %(sender)s") % {"host": host, "sender": sender},
    )


def _disks() -> list[Part]:
    """The disks of VAR_DIR and SPOOL_DIR, each once."""
    found: dict[int, Part] = {}
    for name in ("VAR_DIR", "SPOOL_DIR"):
        folder = Path(getattr(settings, name))
        if folder.exists():
            found.setdefault(folder.stat().st_dev, _disk(name, folder))
    return list(found.values())


def _disk(name: str, folder: Path) -> Part:
    usage = shutil.disk_usage(folder)
    percent = 100 * (usage.total - usage.free) / usage.total
    kind = "bad" if percent >= VERY_FULL else "warn" if percent >= FULL else "good"
    title = gettext("Disk of %(name)s") % {"name": name}
    used = gettext("%(percent)s %% in use") % {"percent": f"{percent:.0f}"}
    free = gettext("%(gigabytes)s GB free") % {"gigabytes": f"{usage.free / GIGABYTE:,.1f}"}
    return Part(title, kind, used, free)
