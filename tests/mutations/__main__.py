"""Takes out one protection after the other in a copy of this checkout, and runs the tests that should notice it.

`python -m tests.mutations` for all, with names for some, `--list` to see them, `--jobs 4` for four at a time.
Exits with 1 where a protection can be taken out without a test failing, or is no longer where the list says.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from tests.mutations.mutation import REPOSITORY, Mutation
from tests.mutations.protections import PROTECTIONS
from tests.prepared import run_folder
from tests.services import POSTGRESQL

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "node_modules", ".*_cache", ".env")
# pytest's exit codes: https://docs.pytest.org/en/stable/reference/exit-codes.html
PASSED, FAILED = 0, 1


def main() -> int:
    options = _parser().parse_args()
    chosen = [each for each in PROTECTIONS if not options.names or each.name in options.names]
    if unknown := set(options.names) - {each.name for each in chosen}:
        return _say(f"There is no mutation called {', '.join(sorted(unknown))}.", code=2)
    if options.list:
        for each in chosen:
            _say(f"{each.name:45} {each.file}")
        return 0
    run_folder()  # the copies share what takes long to make: a migrated database, prepared products
    with copies(options.jobs) as free, ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda each: _tried(each, free), chosen))
    survived = sum(result != "killed" for result in results)
    return _say(f"{len(results) - survived} of {len(results)} protections are tested.", code=min(survived, 1))


@contextmanager
def copies(number: int) -> Iterator[Queue[Path]]:
    """That many copies of the checkout, to be taken from the queue and put back."""
    free: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory(prefix="specway-mutations-") as folder:
        for one in range(number):
            copy = Path(folder) / f"copy{one}"
            shutil.copytree(REPOSITORY, copy, ignore=LEFT_OUT, symlinks=True)
            (copy / ".venv").symlink_to(Path(sys.prefix))
            free.put(copy)
        yield free


def _tried(mutation: Mutation, free: "Queue[Path]") -> str:
    """`killed`, `survived`, or why it could not be tried."""
    copy = free.get()
    began = time.monotonic()
    try:
        result = mutation.problem(copy) or _run(mutation, copy)
    finally:
        free.put(copy)
    _say(f"{mutation.name:45} {result} ({time.monotonic() - began:.0f} s)")
    return result


def _run(mutation: Mutation, copy: Path) -> str:
    original = (copy / mutation.file).read_bytes()
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if mutation.on_postgresql:
        environment["DATABASE_URL"] = POSTGRESQL
    environment["PYTEST_XDIST_WORKER"] = copy.name  # gives each copy a database of its own
    try:
        mutation.apply(copy)
        _compile_anew(copy / mutation.file)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        (copy / mutation.file).write_bytes(original)
        _compile_anew(copy / mutation.file)
    if done.returncode in (PASSED, FAILED):
        return "killed" if done.returncode == FAILED else "survived"
    return f"could not be tried (pytest ended with {done.returncode}):\n{done.stdout[-1500:]}{done.stderr[-500:]}"


def _compile_anew(file: Path) -> None:
    """Python compares a compiled file by seconds and size, which two changes within a second may share."""
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
        compiled.unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--list", action="store_true", help="show the names and files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    return parser


def _say(text: str, *, code: int = 0) -> int:
    print(text, flush=True)  # noqa: T201 - a command's output
    return code


if __name__ == "__main__":
    sys.exit(main())
