"""`Deprecation` and `Sunset` of an operation that ends."""

from datetime import date
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from apps.rest.deprecation import deprecated, deprecation_of
from apps.rest.views import StrictAPIView
from apps.teams.models import ApiKey
from tests.factories import make_key, make_member

SUCCESSOR = "https://connections.example.com/api/docs/"


class Ending(StrictAPIView):
    required_scope = ""

    @deprecated(since=date(2027, 1, 1), sunset=date(2027, 7, 1), successor=SUCCESSOR)
    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> Response:
        return Response({})


@pytest.mark.django_db
def test_the_responses_of_an_operation_that_ends_say_so() -> None:
    _, text = make_key(make_member(), ApiKey.Kind.PERSONAL)

    def call(method: str) -> Any:
        request = getattr(APIRequestFactory(), method)("/x/", headers={"Authorization": f"Bearer {text}"})
        request.memberships, request.actor = [], None
        return Ending.as_view()(request)

    for method in ("get", "head"):
        response = call(method)
        assert response["Deprecation"] == "@1798761600"
        assert response["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
        assert response["Link"] == f'<{SUCCESSOR}>; rel="successor-version"'
    assert "Deprecation" not in call("post")


def test_callers_have_half_a_year() -> None:
    with pytest.raises(ValueError, match="180 days"):
        deprecated(since=date(2027, 1, 1), sunset=date(2027, 6, 1))


def test_the_document_shows_it() -> None:
    end = deprecation_of(Ending(), "GET")
    assert str(end) == "Deprecated since 2027-01-01; it is removed after 2027-07-01."
    assert deprecation_of(Ending(), "POST") is None
