"""Fault points are for tests: without the setting nothing happens, and on a public address the setting is refused."""

from typing import Any

import pytest

from apps.connections.checks import fault_points_are_for_tests
from apps.connections.services import lease

reached: list[str] = []


def note(name: str) -> None:
    reached.append(name)


def test_nothing_happens_at_a_fault_point_of_the_product(settings: Any) -> None:
    assert not hasattr(settings, "FAULT_POINTS")
    lease.fault_point(lease.BEFORE_SEND)


def test_fault_points_are_reported_to_a_test(settings: Any) -> None:
    settings.FAULT_POINTS = f"{__name__}.note"
    reached.clear()
    lease.fault_point(lease.BEFORE_COMMIT)
    assert reached == ["before_commit"]


@pytest.mark.parametrize("public", ["https://connections.example.com", "http://10.0.0.7:8000", "https://127.0.0.1"])
def test_fault_points_are_refused_where_people_work(settings: Any, public: str) -> None:
    settings.PUBLIC_URL = public
    assert fault_points_are_for_tests(None) == []
    settings.FAULT_POINTS = f"{__name__}.note"
    [error] = fault_points_are_for_tests(None)
    assert error.id == "connections.E001"


def test_fault_points_are_allowed_on_this_machine_alone(settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.FAULT_POINTS = f"{__name__}.note"
    assert fault_points_are_for_tests(None) == []
