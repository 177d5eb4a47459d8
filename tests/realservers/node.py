"""Node, and the packages that tests install with npm."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.prepared import BUSY, REPOSITORY

_HERE = Path(__file__).parent
_LOCKED = ("package.json", "package-lock.json")


def installed(packages: Path = _HERE) -> Path:
    """The folder with what is locked in `packages`; npm installs it where it is missing. Raises CalledProcessError."""
    content = b"".join((packages / name).read_bytes() for name in _LOCKED)
    folder = REPOSITORY / "var" / "tests" / f"node-{hashlib.sha256(content).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of one test run
        if not (folder / ".installed").exists():
            for name in _LOCKED:
                shutil.copy(packages / name, folder / name)
            command = [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120 * BUSY)
            (folder / ".installed").touch()
    return folder


@contextmanager
def oidc_provider(*clients: dict[str, Any]) -> Iterator[str]:
    """Run the provider with these clients. Yields its issuer."""
    process = subprocess.Popen(
        [shutil.which("node") or "node", str(_HERE / "oidc_provider.mjs"), str(installed())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warnings about settings for development
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"clients": clients}))
        process.stdin.close()
        lines = iter(process.stdout.readline, "")
        issuer = next((line.strip() for line in lines if line.startswith("http://127.0.0.1:")), "")
        if not issuer:
            raise RuntimeError("the provider did not start")
        yield issuer
    finally:
        process.terminate()
        process.wait(timeout=60 * BUSY)
        process.stdout.close()
