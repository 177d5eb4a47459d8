"""`manage.py check_catalog`: counts of what there is, and every file that cannot be used with its key."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.integrations.catalog.entries import PROVIDERS_DIR, catalog
from apps.integrations.management.commands import check_catalog as command


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for slug in ("github", "wrike", "dribbble"):
        shutil.copy(PROVIDERS_DIR / f"{slug}.toml", tmp_path)
    monkeypatch.setattr(command, "PROVIDERS_DIR", tmp_path)
    return tmp_path


def test_it_counts_by_kind_category_and_confidence(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_catalog")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["Kind:", "3 oauth2"]
    assert {"1 developer-tools", "1 project-management"} <= set(lines)
    assert "1 checked: confirmed by the vendor's pages" in lines
    assert "1 not yet tried: one library" in lines
    assert lines[-1] == "3 services"


def test_it_counts_accounts_scopes_errors_and_hosts(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(PROVIDERS_DIR / "ahrefs.toml", copied)
    call_command("check_catalog")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert {"3 account known", "1 account not known, with the reason", "1 several API hosts"} <= set(lines)
    assert "1 No documented call or token response identifies the account." in lines
    assert any(line.endswith("all offered scopes reachable") for line in lines)
    assert "1 error codes translated" in lines


def test_it_lists_the_services_that_each_line_counts(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(PROVIDERS_DIR / "ahrefs.toml", copied)
    call_command("check_catalog", "--list")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    following = dict(pairwise(lines))
    assert following["3 account known"] == "dribbble, github, wrike"
    assert following["1 No documented call or token response identifies the account."] == "ahrefs"
    assert following["1 several API hosts"] == "github"


def test_a_scope_that_the_vendors_list_does_not_have_fails_the_check(copied: Path) -> None:
    text = (PROVIDERS_DIR / "gmail.toml").read_text(encoding="utf-8")
    (copied / "gmail.toml").write_text(text.replace("auth/gmail.labels", "auth/gmail.stickers"), encoding="utf-8")
    with pytest.raises(CommandError, match=r"gmail: .*gmail.stickers is not in the vendor's list"):
        call_command("check_catalog")


def test_it_checks_one_file_alone(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "wrike.toml").write_text("nonsense", encoding="utf-8")
    call_command("check_catalog", "github")
    assert capsys.readouterr().out.endswith("1 services\n")
    with pytest.raises(CommandError, match="no file for acme"):
        call_command("check_catalog", "acme")


def test_it_ends_with_an_error_that_names_every_wrong_file_and_its_key(copied: Path) -> None:
    (copied / "acme.toml").write_text('name = "Acme"\ncolor = "red"\n', encoding="utf-8")
    (copied / "other.toml").write_text("name = 5\n", encoding="utf-8")
    with pytest.raises(CommandError) as wrong:
        call_command("check_catalog")
    assert "acme.toml: color: unknown key" in str(wrong.value)
    assert "other.toml: name: must be a string" in str(wrong.value)
    assert "2 of 5 files are invalid" in str(wrong.value)


def test_the_catalog_that_ships_holds_hundreds_of_services(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_catalog")
    assert capsys.readouterr().out.endswith(f"{len(catalog())} services\n")
    assert sum(entry.kind == "oauth2" for entry in catalog().values()) >= 300
