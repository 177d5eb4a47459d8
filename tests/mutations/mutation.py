"""One protection: where it is in the code, what takes it out, and which tests fail then."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """`text` occurs once in `file`; with `replacement` instead, at least one of `tests` (pytest node IDs) fails."""

    name: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    # Where DATABASE_URL is not SQLite's: the tests depend on what only PostgreSQL has.
    on_postgresql: bool = False

    def problem(self, folder: Path = REPOSITORY) -> str:
        """Why it no longer fits the checkout in `folder`; an empty string where it does."""
        file = folder / self.file
        if not file.is_file():
            return f"there is no file {self.file}"
        found = file.read_text().count(self.text)
        if found != 1:
            return f"{self.text!r} occurs {found} times in {self.file}, not once"
        return next((f"there is no test {node}" for node in self.tests if not _exists(node, folder)), "")

    def apply(self, folder: Path) -> None:
        """Takes the protection out of the checkout in `folder`."""
        file = folder / self.file
        file.write_text(file.read_text().replace(self.text, self.replacement))


def _exists(node: str, folder: Path) -> bool:
    file, _, rest = node.partition("::")
    function = rest.partition("[")[0]
    path = folder / file
    return path.is_file() and (not function or f"def {function}(" in path.read_text())
