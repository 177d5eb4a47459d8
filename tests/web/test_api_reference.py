"""The API reference: every operation of the OpenAPI document has a page with its parameters and responses."""

import json
import re
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape
from drf_spectacular.generators import SchemaGenerator

from apps.web.api_reference import METHODS, tags

# The pages are made of the OpenAPI document; the database gives the person who is signed in.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
PAGE = "/api/docs/"


@pytest.fixture(autouse=True)
def operations_of_the_product() -> None:
    """Tests of other modules show pages with URLs of their own: the operations that were read there are forgotten."""
    tags.cache_clear()


def test_every_operation_of_the_document_is_listed_and_has_a_page(visitor: Client) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    ids = {said["operationId"] for path in document["paths"].values() for verb, said in path.items() if verb in METHODS}
    page = visitor.get(PAGE).content.decode()
    assert set(re.findall(r"\?operation=(\w+)", page)) == ids
    for operation in (each for tag in tags() for each in tag.operations):
        html = visitor.get(PAGE, {"operation": operation.id}).content.decode()
        assert f'<h1 lang="en">{escape(operation.title)}</h1>' in html
        assert operation.path in html


def test_a_page_names_parameters_body_and_responses(visitor: Client) -> None:
    html = visitor.get(PAGE, {"operation": "connections_check"}).content.decode()
    assert "string (uuid)" in html
    assert "<code>connections:use</code>" in html
    assert "<strong>429</strong>" in html
    created = visitor.get(PAGE, {"operation": "api_keys_create"}).content.decode()
    assert "Request body" in created
    assert "Required" in created
    replay = visitor.get(PAGE, {"operation": "webhooks_replay"}).content.decode()
    assert "one of delivered, failed" in replay
    assert "* <code>delivered</code>" not in replay


def test_an_unknown_operation_is_not_found(visitor: Client) -> None:
    assert visitor.get(PAGE, {"operation": "nonsense"}).status_code == 404


def listed(html: str) -> set[str]:
    rows = re.findall(r"<li([^>]*)>\s*<a href=\"\?operation=(\w+)", html)
    return {name for attributes, name in rows if not re.search(r"\bhidden\b", attributes.partition("data-words")[0])}


@pytest.mark.parametrize("query", ["POST /{id}/check", "Check  connection", "connections_check"])
def test_operations_are_found_by_verb_path_words_and_id(visitor: Client, query: str) -> None:
    found = listed(visitor.get(PAGE, {"q": query}).content.decode())
    assert "connections_check" in found
    assert "api_keys_list" not in found


def test_the_search_stays_on_the_page_of_an_operation(visitor: Client) -> None:
    html = visitor.get(PAGE, {"q": "replay", "operation": "webhooks_replay"}).content.decode()
    assert listed(html) == {"webhooks_replay"}
    assert "?operation=webhooks_replay&amp;q=replay" in html
    assert listed(visitor.get(PAGE, {"q": "nonsense"}).content.decode()) == set()
    assert len(listed(visitor.get(PAGE).content.decode())) == sum(len(tag.operations) for tag in tags())


def test_a_page_has_the_request_as_one_types_it_and_an_example_of_the_response(visitor: Client) -> None:
    html = unescape(visitor.get(PAGE, {"operation": "webhooks_create"}).content.decode())
    assert f"curl -X POST {settings.PUBLIC_URL}/api/v1/webhooks/ \\" in html
    assert '-H "Authorization: Bearer $SPECWAY_KEY" \\' in html
    assert """-d '{"url": "https://hooks.example.com/specway",""" in html
    shown = [operation for tag in tags() for operation in tag.operations if operation.response]
    assert shown
    assert all(json.loads(operation.response) for operation in shown)
