"""The CI step that looks for known vulnerabilities: fails on those only, and says where nothing could be looked up."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.processes import REPOSITORY

CLEAN = {"dependencies": [{"name": "django", "version": "5.2.19", "vulns": []}], "fixes": []}
VULNERABLE = {
    "dependencies": [
        {"name": "django", "version": "5.2.19", "vulns": []},
        {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["1.1"]}]},
    ],
    "fixes": [],
}
# The answer about a package that is known to be vulnerable.
KNOWN = json.dumps(VULNERABLE)


@pytest.fixture
def audit() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("ci_audit", str(REPOSITORY / ".ci" / "audit"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def answers(audit: ModuleType, monkeypatch: pytest.MonkeyPatch, *outputs: str) -> None:
    """What pip-audit prints, run after run. It exits with 1 in each case."""
    remaining = list(outputs)
    monkeypatch.setattr(
        audit, "_pip_audit", lambda *_: subprocess.CompletedProcess([], 1, remaining.pop(0), "cannot connect")
    )


def test_a_known_vulnerability_fails_and_is_named(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(audit, monkeypatch, KNOWN, json.dumps(VULNERABLE))
    assert audit.main() == 1
    assert "old 1.0: CVE-2026-1" in capsys.readouterr().out


def test_no_known_vulnerability_passes(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(audit, monkeypatch, KNOWN, json.dumps(CLEAN))
    assert audit.main() == 0


def test_without_advisory_data_it_passes_and_says_so(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(audit, monkeypatch, "", "")
    assert audit.main() == 0
    assert "were NOT looked for" in capsys.readouterr().out


def test_a_mirror_without_advisories_is_not_taken_for_a_clean_result(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(audit, monkeypatch, json.dumps(CLEAN), json.dumps(CLEAN))
    assert audit.main() == 0
    assert "were NOT looked for" in capsys.readouterr().out


def test_a_second_source_is_asked_if_the_first_does_not_answer(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(audit, monkeypatch, "", KNOWN, json.dumps(VULNERABLE))
    assert audit.main() == 1


PIP_AUDIT = """
import json, os, sys
from pathlib import Path
files = [sys.argv[at + 1] for at, word in enumerate(sys.argv) if word == "--requirement"]
pinned = "".join(Path(name).read_text() for name in files)
vulnerable = [name for name in os.environ["VULNERABLE"].split() if name + "==" in pinned.lower()]
found = [{"name": name, "version": "0", "vulns": [{"id": "CVE-1", "fix_versions": []}]} for name in vulnerable]
if os.environ["VULNERABLE"]:
    print(json.dumps({"dependencies": [*found, {"name": "fine", "version": "1", "vulns": []}]}))
sys.exit(1 if found else 0)
"""


@pytest.mark.parametrize(
    ("vulnerable", "code", "said"),
    [
        ("pyyaml django", 1, "django 0: CVE-1"),
        ("pyyaml django-oauth-toolkit", 1, "django-oauth-toolkit 0: CVE-1"),
        ("", 0, "were NOT looked for"),
    ],
)
def test_the_step_itself_fails_on_advisories_and_passes_without_any(
    vulnerable: str, code: int, said: str, tmp_path: Path
) -> None:
    """`pip-audit` is replaced by a program with advisories of the test's."""
    (tmp_path / "pip_audit").mkdir()
    (tmp_path / "pip_audit" / "__init__.py").touch()
    (tmp_path / "pip_audit" / "__main__.py").write_text(PIP_AUDIT)
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / ".ci" / "audit")],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "VULNERABLE": vulnerable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
