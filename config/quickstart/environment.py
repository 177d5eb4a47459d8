"""The `.env` that quickstart writes once, and the environment that it gives to the processes it starts."""

import base64
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from config.env_file import UnreadableEnvFile, load
from config.quickstart.refusal import Refusal

BASE_DIR = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000
REQUIRED = {"SECRET_KEY", "VAULT_KEYS", "FINGERPRINT_KEY"}

HEADING = """\
# Written by "manage.py quickstart", which never changes it again. .env.example explains each variable.
# VAULT_KEYS decrypts every stored token: keep a copy in a safe location, apart from the database backups.
"""


@dataclass(frozen=True)
class Addresses:
    """Where the web pages and the sandbox listen on this machine."""

    port: int
    sandbox_port: int

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def variables(self) -> dict[str, str]:
        return {
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "PORT": str(self.port),
            "SANDBOX_URL": self.sandbox_url,
            "EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{self.sandbox_port}",
        }


def env_file() -> Path:
    return Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env")


def read(path: Path) -> dict[str, str]:
    """The file's variables as django-environ reads them; those of the process take precedence."""
    before = dict(os.environ)
    try:
        load(path)
        return dict(os.environ)
    except UnreadableEnvFile as error:
        raise Refusal(str(error)) from error
    finally:
        os.environ.clear()
        os.environ.update(before)


def own_port(variables: dict[str, str]) -> int:
    """The port of a PUBLIC_URL on this machine, else PORT, else the default."""
    public = urlsplit(variables.get("PUBLIC_URL", ""))
    if public.scheme == "http" and public.hostname in ("127.0.0.1", "localhost") and public.port:
        return public.port
    return int(variables.get("PORT") or DEFAULT_PORT)


def sandbox_port_of(variables: Mapping[str, str]) -> int | None:
    return urlsplit(variables.get("SANDBOX_URL", "")).port


def write(path: Path, addresses: Addresses) -> None:
    """Write fresh keys and the addresses with mode 0600; an existing file is never overwritten.

    Variables that the process's own environment sets are left out, since they take precedence anyway.
    """
    fresh = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        # A unique ID, so that a database encrypted under a lost key is not confused with one under this key.
        "VAULT_KEYS": f"k{secrets.token_hex(3)}:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "FINGERPRINT_KEY": secrets.token_urlsafe(48),
    } | addresses.variables()
    lines = [f"{name}={value}\n" for name, value in fresh.items() if name not in os.environ]
    try:
        _write_once(path, HEADING + "".join(lines))
    except OSError as error:
        raise Refusal(f"Cannot write {path}: {(error.strerror or str(error)).lower()}.") from error


def _write_once(path: Path, text: str) -> None:
    # A link appears with its whole content or not at all, and fails if the file exists.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".env-") as draft:  # mode 0600
        draft.write(text)
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return


def require_keys(path: Path, variables: dict[str, str]) -> None:
    needed = REQUIRED if variables.get("VAULT_BACKEND", "local") == "local" else REQUIRED - {"VAULT_KEYS"}
    missing = sorted(name for name in needed if not variables.get(name))
    if missing:
        raise Refusal(
            f"{path} does not set {', '.join(missing)}, and quickstart never changes an existing file: "
            "add what is missing (.env.example explains it), or move the file away to get a new one."
        )


def with_addresses(variables: dict[str, str], addresses: Addresses, *, chosen: bool) -> dict[str, str]:
    """The variables for this run. The process's own environment takes precedence, then this run's addresses.

    PUBLIC_URL from `.env` stays unless a port was `chosen` on the command line: it may be an operator's own address.
    """
    result = dict(variables)
    allowed = [host for host in variables.get("EGRESS_ALLOWED_HOSTS", "").split(",") if host]
    own = addresses.variables()
    own["EGRESS_ALLOWED_HOSTS"] = ",".join(dict.fromkeys([*allowed, own["EGRESS_ALLOWED_HOSTS"]]))
    for name, value in own.items():
        if name in os.environ and name != "PORT":
            continue
        if name == "PUBLIC_URL" and variables.get(name) and not chosen:
            continue
        result[name] = value
    return result
