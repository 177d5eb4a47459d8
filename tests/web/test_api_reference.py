"""The API reference: every operation of the OpenAPI document has a page with its parameters and responses."""

import re

import pytest
from django.test import Client
from django.utils.html import escape
from drf_spectacular.generators import SchemaGenerator

from apps.web.api_reference import METHODS, tags

pytestmark = pytest.mark.django_db
PAGE = "/api/docs/"


def test_every_operation_of_the_document_is_listed_and_has_a_page(visitor: Client) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    ids = {said["operationId"] for path in document["paths"].values() for verb, said in path.items() if verb in METHODS}
    page = visitor.get(PAGE).content.decode()
    assert set(re.findall(r"\?operation=(\w+)", page)) == ids
    for operation in (each for tag in tags() for each in tag.operations):
        html = visitor.get(PAGE, {"operation": operation.id}).content.decode()
        assert f"<h1>{escape(operation.title)}</h1>" in html
        assert operation.path in html


def test_a_page_names_parameters_body_and_responses(visitor: Client) -> None:
    html = visitor.get(PAGE, {"operation": "connections_check"}).content.decode()
    assert "string (uuid)" in html
    assert "<code>connections:use</code>" in html
    assert "<strong>429</strong>" in html
    created = visitor.get(PAGE, {"operation": "api_keys_create"}).content.decode()
    assert "Request body" in created
    assert "Required" in created


def test_an_unknown_operation_is_not_found(visitor: Client) -> None:
    assert visitor.get(PAGE, {"operation": "nonsense"}).status_code == 404
