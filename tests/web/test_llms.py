"""`/llms.txt`: what it names exists."""

import re

import pytest
from django.test import Client
from django.urls import resolve

from apps.teams.keys import SCOPES

pytestmark = pytest.mark.django_db


def test_it_is_public_and_names_only_what_exists() -> None:
    response = Client().get("/llms.txt")
    assert response.headers["Content-Type"].startswith("text/markdown")
    text = response.content.decode()
    assert text.startswith("# Specway Connections\n\n> ")
    assert set(re.findall(r"^- `([a-z-]+:[a-z]+)`:", text, re.MULTILINE)) == set(SCOPES)
    named = text.replace("<id>", "00000000-0000-4000-8000-000000000000")
    addresses = re.findall(r"http://127\.0\.0\.1:8000(/[^\s)`?]*)", named)
    assert len(addresses) > 7
    for address in addresses:
        assert address == "/api/v1/" or resolve(address.partition("<")[0])
    assert "&" not in text
