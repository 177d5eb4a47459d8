"""The client that docs/api.md makes of the OpenAPI document, made once in a run: it takes as long as many tests."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.prepared import BUSY, REPOSITORY, once


def blocks(language: str) -> list[str]:
    """The examples in docs/api.md that are written in it: "sh" or "python"."""
    text = (REPOSITORY / "docs" / "api.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def as_run_here(line: str, url: str) -> str:
    """An example with the address of a running product and the programs of this Python."""
    return line.replace("http://127.0.0.1:8000", url).replace(".venv/bin/", f"{Path(sys.executable).parent}/")


def link_generated_client(url: str, folder: Path) -> None:
    """The package `specway_api` in the folder, which the documented command made of the document of such a product."""

    def make(made: Path) -> dict[str, Any]:
        command = ["/bin/sh", "-c", as_run_here(blocks("sh")[2].strip(), url)]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=240 * BUSY, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return {}

    (folder / "specway_api").symlink_to(once("openapi-python-client", make)[0] / "specway_api")
