"""`[guide]`: which files have one, what it must not say, and how the refusal names file and key."""

from pathlib import Path

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.guide import parts_of
from apps.integrations.catalog.reader import read_provider
from apps.integrations.catalog.schema import CatalogEntry
from tests.integrations.catalog.test_reader import VALID, written

GUIDE = """
[guide]
steps = ["Click *New app*.", "Enter it as *Callback URL*."]
paste = "Callback URL"
enable = ["Deals API"]
scopes = true
review = "Acme approves the app."
source = "https://docs.acme.example/register#app"
"""
NO_SCOPES = VALID[: VALID.index("[[scopes]]")] + VALID[VALID.index("[[params]]") :]
KEY_SERVICE = """
name = "Acme"
category = "crm"
description = "Accounts and deals"
kind = "none"

[metadata]
checked = "vendor"
evidence = ["https://docs.acme.example/api"]

[api]
base_url = "https://acme.example/v1"
"""


def guided() -> list[CatalogEntry]:
    return [entry for entry in catalog().values() if entry.guide]


def test_a_guide_is_read_with_its_file(tmp_path: Path) -> None:
    guide = read_provider(written(tmp_path, VALID + GUIDE)).guide
    assert guide is not None
    assert guide.steps == ("Click *New app*.", "Enter it as *Callback URL*.")
    assert (guide.paste, guide.enable, guide.scopes) == ("Callback URL", ("Deals API",), True)
    assert (guide.review, guide.source) == ("Acme approves the app.", "https://docs.acme.example/register#app")


def test_a_file_needs_no_guide(tmp_path: Path) -> None:
    assert read_provider(written(tmp_path, VALID)).guide is None


@pytest.mark.parametrize(
    ("before", "after", "key", "problem"),
    [
        ('steps = ["Click *New app*.", "Enter it as *Callback URL*."]', "steps = []", "guide.steps", "at least one"),
        ('steps = ["Click *New app*.", "Enter it as *Callback URL*."]\n', "", "guide.steps", "is missing"),
        ("Click *New app*.", "Click *New app*", "guide.steps[0]", "must be a sentence"),
        ("Click *New app*.", "Click\\n*New app*.", "guide.steps[0]", "on one line"),
        ("Click *New app*.", f"Click {'x' * 260}.", "guide.steps[0]", "at most 260 characters"),
        ("Click *New app*.", "Click *New app.", "guide.steps[0]", "between two asterisks"),
        ("Click *New app*.", "Click **New app**.", "guide.steps[0]", "between two asterisks"),
        ("Click *New app*.", "Enter *Callback URL*.", "guide.paste", "exactly one step must name the field"),
        ('paste = "Callback URL"', 'paste = "Redirect URI"', "guide.paste", "as *Redirect URI*"),
        ('paste = "Callback URL"\n', "", "guide.paste", "is missing"),
        ('["Deals API"]', '[" "]', "guide.enable[0]", "must be a name"),
        ('review = "Acme approves the app."', 'review = "yes"', "guide.review", "must be a sentence"),
        ("https://docs.acme.example/register#app", "http://docs.acme.example/register", "guide.source", "https URL"),
        ("[guide]\n", "[guide]\nminutes = 5\n", "guide.minutes", "unknown key"),
    ],
)
def test_a_broken_guide_is_refused_by_file_and_key(
    tmp_path: Path, before: str, after: str, key: str, problem: str
) -> None:
    assert before in GUIDE
    with pytest.raises(CatalogError) as caught:
        read_provider(written(tmp_path, VALID + GUIDE.replace(before, after)))
    assert (caught.value.file, caught.value.key) == ("acme.toml", key)
    assert problem in caught.value.problem


def test_a_guide_cannot_list_permissions_that_the_file_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"acme.toml: guide.scopes: .*no \[\[scopes\]\]"):
        read_provider(written(tmp_path, NO_SCOPES + GUIDE))


def test_a_service_without_oauth_app_has_no_guide(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"acme.toml: guide: is not allowed for a service without OAuth app"):
        read_provider(written(tmp_path, KEY_SERVICE + GUIDE))


def test_the_forty_most_popular_services_have_a_guide() -> None:
    ranked = sorted((entry for entry in catalog().values() if entry.popular), key=lambda entry: entry.popular)
    assert [entry.slug for entry in ranked[:40] if entry.guide is None] == []


def test_every_guide_says_where_the_client_id_and_the_secret_are() -> None:
    for entry in guided():
        assert entry.guide is not None
        words = " ".join(entry.guide.steps).lower()
        assert "client id" in words, entry.slug
        assert "secret" in words, entry.slug


def test_guides_of_one_vendor_differ_only_in_what_is_enabled_and_reviewed() -> None:
    consoles = {entry.slug: entry.guide for entry in guided() if entry.oauth2 and "google" in entry.oauth2.token_url}
    assert len(consoles) == 8
    assert {guide.paste for guide in consoles.values() if guide} == {"Authorized redirect URIs"}
    assert all(guide.enable for guide in consoles.values() if guide)


def test_slacks_guide_names_the_permissions_that_only_a_user_token_has() -> None:
    slack = catalog()["slack"]
    assert slack.guide is not None
    step = next(step for step in slack.guide.steps if "*User Token Scopes*" in step)
    named = {text for text, is_label in parts_of(step) if is_label}
    assert {scope.name for scope in slack.scopes if scope.parameter == "user_scope"} <= named


def test_the_words_of_the_console_are_parts_of_their_own() -> None:
    assert parts_of("Click *New app*, then *Save*.") == [
        ("Click ", False),
        ("New app", True),
        (", then ", False),
        ("Save", True),
        (".", False),
    ]
    assert parts_of("*Save* it.") == [("Save", True), (" it.", False)]
    assert parts_of("") == []
