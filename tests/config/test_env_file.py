"""A `.env` that exists and cannot be read is named; nothing starts without its variables."""

import os
import sys
from pathlib import Path

import pytest

from config.env_file import UnreadableEnvFile, load
from tests import forked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def no_text(tmp_path: Path) -> Path:
    path = tmp_path / "latin-1.env"
    path.write_bytes(b"NAME=caf\xe9\n")
    return path


@pytest.fixture
def unreadable() -> Path:
    return Path("/proc/self/mem")  # not even root can read it from the start


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder", "is a directory"), ("no_text", "not UTF-8 text"), ("unreadable", "input/output error")],
)
@pytest.mark.parametrize("command", ["check", "quickstart"])
def test_an_unreadable_file_is_one_sentence_that_names_it(
    name: str, reason: str, command: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path: Path = request.getfixturevalue(name)
    keys = dict.fromkeys(("SECRET_KEY", "FINGERPRINT_KEY", "VAULT_KEYS"), "k1:" + "A" * 43 + "=")
    env = keys | {"PATH": os.environ["PATH"], "ENV_FILE": str(path), "VAR_DIR": str(tmp_path / "var")}
    done = forked.run([sys.executable, "manage.py", command], env=env)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"Cannot read {path}: " in done.stderr
    assert reason in done.stderr


def test_a_missing_file_is_no_error(tmp_path: Path) -> None:
    load(tmp_path / "absent.env")


def test_an_unreadable_file_changes_nothing(folder: Path) -> None:
    before = dict(os.environ)
    with pytest.raises(UnreadableEnvFile):
        load(folder)
    assert dict(os.environ) == before
