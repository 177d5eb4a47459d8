"""Which variables win: the process's own, then this run's addresses, then `.env`."""

from pathlib import Path

import pytest

from config.quickstart import environment
from config.quickstart.environment import Addresses

ADDRESSES = Addresses(port=9000, sandbox_port=9100)


@pytest.fixture(autouse=True)
def _no_variables_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES.variables():
        monkeypatch.delenv(name, raising=False)


def test_a_chosen_port_wins_over_the_file() -> None:
    variables = {"PUBLIC_URL": "http://127.0.0.1:8000"}
    chosen = environment.with_addresses(variables, ADDRESSES, chosen=True)
    assert chosen["PUBLIC_URL"] == "http://127.0.0.1:9000"
    assert environment.with_addresses(variables, ADDRESSES, chosen=False)["PUBLIC_URL"] == "http://127.0.0.1:8000"


def test_the_environment_wins_over_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://connections.example.com")
    (tmp_path / ".env").write_text("PUBLIC_URL=http://127.0.0.1:8000\n")
    variables = environment.read(tmp_path / ".env")
    assert environment.with_addresses(variables, ADDRESSES, chosen=True)["PUBLIC_URL"] == (
        "https://connections.example.com"
    )


def test_hosts_that_an_operator_allowed_stay_allowed() -> None:
    variables = {"EGRESS_ALLOWED_HOSTS": "gitlab.internal,127.0.0.1:9100"}
    allowed = environment.with_addresses(variables, ADDRESSES, chosen=False)["EGRESS_ALLOWED_HOSTS"]
    assert allowed == "gitlab.internal,127.0.0.1:9100"


def test_reading_the_file_leaves_this_process_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ONLY_IN_THE_FILE", raising=False)
    (tmp_path / ".env").write_text("ONLY_IN_THE_FILE=yes\n")
    assert environment.read(tmp_path / ".env")["ONLY_IN_THE_FILE"] == "yes"
    assert "ONLY_IN_THE_FILE" not in environment.read(tmp_path / "absent")


def test_a_file_that_exists_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("mine")
    environment.write(tmp_path / ".env", ADDRESSES)
    assert (tmp_path / ".env").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
