"""The project's own files: documentation, constraints, Dockerfile and compose.yaml fit the code and each other."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.processes import REPOSITORY

FENCE = re.compile(r"^\s*```.*?^\s*```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==", re.MULTILINE)
CONSTRAINTS = ("constraints.txt", "constraints-sandbox.txt", "constraints-dev.txt")
NOT_IN_PRODUCTION = {"django-oauth-toolkit", "honcho", "openapi-spec-validator", "pytest", "mypy", "playwright", "ruff"}


def documents() -> list[str]:
    command = ["git", "ls-files", "*.md"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def anchors(document: Path) -> set[str]:
    """The anchors of the headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pins(name: str) -> set[str]:
    return set(PIN.findall((REPOSITORY / name).read_text()))


@pytest.mark.parametrize("name", documents())
def test_links_between_documents_lead_somewhere(name: str) -> None:
    document = REPOSITORY / name
    for path, anchor in LINK.findall(FENCE.sub("", document.read_text())):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{name} links to {path}"
        assert not anchor or anchor in anchors(target), f"{name} links to {path}#{anchor}"


def test_each_attack_of_the_security_table_has_a_test_that_exists() -> None:
    rows = [line for line in (REPOSITORY / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`(tests/[^`:]+)::(\w+)`", row)
        assert named, f"no test is named: {row}"
        for file, test in named:
            assert f"def {test}(" in (REPOSITORY / file).read_text(), f"there is no {file}::{test}"


def test_production_installs_no_test_or_sandbox_packages() -> None:
    assert not pins("constraints.txt") & NOT_IN_PRODUCTION
    assert pins("constraints-sandbox.txt") <= pins("constraints-dev.txt")


@pytest.mark.parametrize("above", CONSTRAINTS[1:])
def test_no_package_is_pinned_twice_in_files_that_are_installed_together(above: str) -> None:
    assert not pins("constraints.txt") & pins(above)


def test_the_readmes_commands_install_what_they_run() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    commands = re.findall(r"## (?:Run|Test) it\n\n```sh\n(.+)\n```", readme)
    assert [re.findall(r" -r (\S+)", command) for command in commands] == [
        ["constraints.txt", "constraints-sandbox.txt"],
        ["constraints.txt", "constraints-dev.txt"],
    ]


def test_the_image_copies_paths_that_exist_and_no_sandbox() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    sources = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert {"apps", "config", "manage.py", "constraints.txt"} <= set(sources)
    assert all((REPOSITORY / source).exists() for source in sources)
    assert "constraints-sandbox.txt" not in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)


def test_compose_runs_the_processes_of_the_procfile_after_the_release() -> None:
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]
    processes = set(re.findall(r"^(\w+):", (REPOSITORY / "Procfile").read_text(), re.MULTILINE))
    assert set(services) == processes | {"postgres", "redis"}
    for name in processes:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        after_release = services[name]["depends_on"].get("release", {}).get("condition")
        assert after_release == (None if name == "release" else "service_completed_successfully")


@pytest.mark.parametrize("folder", ["tests/clients/node", "tests/realservers"])
def test_lock_files_name_no_registry(folder: str) -> None:
    """npm takes packages from the registry that the machine is configured for, and compares their hashes."""
    path = REPOSITORY / folder / "package-lock.json"
    packages = json.loads(path.read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)
