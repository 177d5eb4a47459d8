"""The sandbox's secret key: made on the first start, kept in a file that only its owner can read."""

import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def own_key(path: Path) -> str:
    """The key in `path`, written there first if it does not exist. Raises ImproperlyConfigured if that cannot be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"The sandbox cannot keep its data in {path.parent}: {error.strerror}.") from error


def _write_once(path: Path) -> None:
    # A link appears with its whole content or not at all, so two first starts agree on one key.
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # mode 0600
        draft.write(secrets.token_urlsafe(48))
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
