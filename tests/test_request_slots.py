"""The slots for the requests that a web process works on."""

import threading

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apps import egress, request_slots
from apps.request_slots import RequestSlotMiddleware, RequestSlots, before_waiting


@pytest.fixture
def one_slot(monkeypatch: pytest.MonkeyPatch) -> RequestSlots:
    slots = RequestSlots(1, max_wait=0.01)
    monkeypatch.setattr(request_slots, "REQUEST_SLOTS", slots)
    return slots


def got_one(slots: RequestSlots) -> bool:
    """Whether another thread gets a slot."""
    seen: list[bool] = []

    def take() -> None:
        with slots.held() as got:
            seen.append(got)

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return seen == [True]


def test_a_slot_is_held_while_the_response_is_made(one_slot: RequestSlots) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(got_one(one_slot)))

    assert RequestSlotMiddleware(view)(RequestFactory().get("/plugins/")).content == b"False"
    assert got_one(one_slot)


def test_liveness_needs_no_slot(one_slot: RequestSlots) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(got_one(one_slot)))

    assert RequestSlotMiddleware(view)(RequestFactory().get("/healthz")).content == b"True"


def test_a_request_that_waits_lets_another_one_in(one_slot: RequestSlots) -> None:
    with one_slot.held():
        assert not got_one(one_slot)
        before_waiting()
        assert got_one(one_slot)
        before_waiting()
    assert got_one(one_slot)


def test_a_slot_is_released_before_a_request_to_a_service(one_slot: RequestSlots) -> None:
    with one_slot.held():
        with pytest.raises(egress.DestinationBlocked):
            egress.stream(egress.Request("GET", "https://127.0.0.1:1/"), timeouts=egress.Timeouts())
        assert got_one(one_slot)


def test_without_a_free_slot_a_request_goes_on_after_a_while(one_slot: RequestSlots) -> None:
    with one_slot.held():
        assert not got_one(one_slot)
    # What got no slot released none: there is still exactly one.
    with one_slot.held():
        assert not got_one(one_slot)


def test_an_error_releases_the_slot(one_slot: RequestSlots) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        RequestSlotMiddleware(view)(RequestFactory().get("/plugins/"))
    assert got_one(one_slot)
