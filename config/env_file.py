"""Reading `.env`, for the settings and for quickstart, which comes before them."""

import io
import os
from pathlib import Path

import environ


class UnreadableEnvFile(Exception):
    """Its message names the file and the reason."""


def load(path: Path) -> None:
    """Put the file's variables into this process's environment, whose own ones take precedence.

    A file that does not exist is as good as an empty one. Raises UnreadableEnvFile if it exists and cannot be read:
    going on without its variables could start the product on another, empty database.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnreadableEnvFile(f"Cannot read {path}: {os.strerror(error.errno or 0).lower()}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableEnvFile(f"Cannot read {path}: it is not UTF-8 text (byte {error.start}).") from error
    environ.Env.read_env(io.StringIO(text))
