"""Programs with a client, as processes of their own, and the conversation that a person and a receiver join."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specway import verify_webhook
from tests.clients.conftest import OWNER, Day
from tests.e2e.cast import is_accepted
from tests.prepared import BUSY, REPOSITORY
from tests.realservers.node import installed

PACKAGES = Path(__file__).parent / "node"
CLIENT = REPOSITORY / "clients" / "typescript"
HEY_API = """
const output = { path: "hey", importFileExtension: ".js" };
const plugins = ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"];
export default { input: "document.yaml", output, plugins };
"""
SETTINGS = {
    "compilerOptions": {
        "target": "ES2022",
        "module": "NodeNext",
        "moduleResolution": "NodeNext",
        "lib": ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
        "types": ["node"],
        "strict": True,
        "skipLibCheck": True,
    },
    "files": ["day.ts", "generated.ts", "hey.ts", "orval.ts", "types.ts"],
}


def a_day(day: Day, name: str, command: Sequence[str], folder: Path) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Runs the program: its first and its last line, and the webhook message about the session, with its headers.

    `name` is that of the receiver. The first line holds the link, which the person opens; the program gets the
    message as a line.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=day.env | {"OWNER": OWNER, "HOOKS": day.around.hooks(name)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        began = process.stdout.readline()
        if not began:
            raise AssertionError(process.communicate(timeout=60)[1])
        first = json.loads(began)
        day.person_connects(first["url"])
        headers, body = day.around.message(name, "connect_session.connected", first["session"])
        rest, errors = process.communicate(json.dumps({"headers": headers, "body": body}) + "\n", timeout=180 * BUSY)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors
    return first, json.loads(rest), (headers, body)


def check_generated(day: Day, first: dict[str, Any], last: dict[str, Any], message: tuple[dict[str, str], str]) -> None:
    """What a program with a generated client printed is the whole day."""
    headers, body = message
    assert verify_webhook(body, headers, first["secret"])["data"]["connect_session"] == first["session"]
    assert (last["status"], last["usable"]) == ("connected", True)
    assert last["me"]["name"].startswith("Ada")
    assert last["issue"] == {"number": 7, "title": "Hi"}
    assert day.product.sandbox is not None
    assert last["token"]
    assert not is_accepted(day.product.sandbox, last["token"])  # the disconnect revoked it
    assert "revocation" in last["disconnected"]


def built(document: str) -> Path:
    """The folder with the client, the programs and the types of the document, all compiled. Raises with the errors.

    As with npm's packages, what is compiled is kept until something that goes into it changes.
    """
    sources = [Path(__file__), CLIENT / "package.json", CLIENT / "tsconfig.json", PACKAGES / "package-lock.json"]
    sources += [*sorted((CLIENT / "src").rglob("*.ts")), *sorted(PACKAGES.glob("*.ts"))]
    content = hashlib.sha256(document.encode())
    for source in sources:
        content.update(str(source.relative_to(REPOSITORY)).encode() + b"\0" + source.read_bytes() + b"\0")
    kept = installed(PACKAGES).parent
    folder = kept / f"clients-{content.hexdigest()[:16]}"
    with (kept / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".built").exists():
            for old in kept.glob("clients-*/"):
                shutil.rmtree(old)
            _build(folder, document)
            (folder / ".built").touch()
    return folder


def _build(folder: Path, document: str) -> None:
    modules = folder / "node_modules"
    (modules / "@specway").mkdir(parents=True)
    for package in (installed(PACKAGES) / "node_modules").iterdir():
        (modules / package.name).symlink_to(package)
    client = folder / "client"
    client.mkdir()
    shutil.copytree(CLIENT / "src", client / "src")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(CLIENT / name, client)
    (modules / "@specway" / "client").symlink_to(client)
    for program in PACKAGES.glob("*.ts"):
        shutil.copy(program, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps(SETTINGS))
    (folder / "document.yaml").write_text(document)
    _run(folder, "openapi-typescript", "bin/cli.js", "document.yaml", "--output", "document.ts")
    (folder / "openapi-ts.config.mjs").write_text(HEY_API)
    _run(folder, "@hey-api/openapi-ts", "bin/run.js")
    orval = ("--input", "document.yaml", "--output", "orval/api.ts", "--client", "fetch")
    _run(folder, "orval", "dist/bin/orval.js", *orval)
    for project in ("client", "."):
        _run(folder, "typescript", "bin/tsc", "--project", project)


def _run(folder: Path, package: str, script: str, *arguments: str) -> None:
    command = [shutil.which("node") or "node", str(installed(PACKAGES) / "node_modules" / package / script), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240 * BUSY, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
