"""The sandbox's secret key: generated on the first start, in a file that only its owner can read."""

import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def secret_key(path: Path) -> str:
    """The key in the file `path`, created if missing. Raises ImproperlyConfigured if it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"The sandbox cannot write to {path.parent}: {error.strerror}.") from error


def _write_once(path: Path) -> None:
    # A hard link appears with its whole content or not at all, so two concurrent first starts use the same key.
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # mode 0600
        draft.write(secrets.token_urlsafe(48))
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
