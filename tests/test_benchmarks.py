"""The benchmarks can be started."""

import os
import subprocess
import sys
from pathlib import Path

import tests.bench

FOLDER = Path(tests.bench.__file__).parent


def test_each_benchmark_can_be_imported_before_django_is_set_up() -> None:
    names = [
        f"tests.bench.{file.stem}" for file in FOLDER.glob("*.py") if 'if __name__ == "__main__"' in file.read_text()
    ]
    assert len(names) > 5
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", "".join(f"import {name}\n" for name in names)],
        env=environment,
        cwd=FOLDER.parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
