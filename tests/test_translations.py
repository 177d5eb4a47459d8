"""The German texts: what they have in common with the English ones, and that pages use them."""

import gettext
import re
from pathlib import Path

import pytest
from django.test import Client

from tests.factories import make_member
from tests.prepared import REPOSITORY

GERMAN = REPOSITORY / "locale" / "de" / "LC_MESSAGES" / "django.mo"


def translations() -> dict[str, str]:
    """The German text of each English one; of a plural, all its forms, one after the other."""
    with Path(GERMAN).open("rb") as file:
        read: dict[str | tuple[str, int], str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else f"{key[0]} ({key[1]})": text for key, text in read.items() if key}


def marks(text: str) -> set[str]:
    """Variables and tags of a text."""
    return set(re.findall(r"%\(\w+\)[sd]|</?\w+", text))


def test_variables_and_tags_are_the_same() -> None:
    texts = translations()
    assert len(texts) > 1000
    assert [english for english, german in texts.items() if marks(german) != marks(english)] == []


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "word"), [("de", "Integrationen"), ("", "Integrations")])
def test_pages_are_in_the_language_that_a_person_chose(client: Client, language: str, word: str) -> None:
    member = make_member()
    member.user.language = language
    member.user.save()
    client.force_login(member.user)
    page = client.get("/settings/integrations/", headers={"accept-language": "fr"}).content.decode()
    assert f'<html lang="{language or "en"}"' in page
    assert word in page


@pytest.mark.django_db
def test_the_api_is_english_for_everyone(client: Client) -> None:
    member = make_member()
    member.user.language = "de"
    member.user.save()
    client.force_login(member.user)
    unknown = client.get("/api/v1/connections/00000000-0000-4000-8000-000000000000/")
    assert unknown.json()["title"] == "Not found"
