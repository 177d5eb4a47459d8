"""Patterns that teams enter are matched in linear time and with limits."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from apps.integrations.catalog import patterns
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.placeholders import UnsafeValue, checked_values, problems, response_values
from apps.integrations.catalog.schema import Param
from apps.integrations.custom_apis.services.apis import create_custom_api
from apps.integrations.errors import InvalidInput
from apps.teams.models import Membership
from tests.factories import actor_for

EVIL = ["(a+)+", "(a|a)*", "(a|aa)+", "([a-z]+)*", "(a*)*b", "(.*a){20}"]
VALUE = "a" * 40 + "!"


def finishes(call: Callable[[], Any]) -> bool:
    """Whether the call ends at all: with a backtracking engine it would run for years, holding the interpreter lock."""

    def refused() -> None:
        with suppress(UnsafeValue):
            call()

    thread = threading.Thread(target=refused, daemon=True)
    thread.start()
    thread.join(20)
    return not thread.is_alive()


def param_with(pattern: str, **fields: Any) -> Param:
    return Param(name="region", label="Region", pattern=pattern, example="eu", source="user", **fields)


@pytest.mark.parametrize("pattern", EVIL)
def test_exponential_patterns_match_in_linear_time(pattern: str) -> None:
    param = param_with(pattern)
    assert finishes(lambda: problems("Acme", [param], {"region": VALUE}))
    assert finishes(lambda: checked_values([param], {"region": VALUE}))
    extracting = param_with("[a-z]+", extract=f"({pattern})")
    assert finishes(lambda: response_values("Acme", [extracting], {"region": VALUE}))


@pytest.mark.parametrize("pattern", ["(a+)+", "([a-z]+)*"])
@pytest.mark.django_db
def test_a_custom_api_with_an_exponential_pattern_is_answered_at_once(owner: Membership, pattern: str) -> None:
    param = {"name": "region", "label": "Region", "pattern": pattern, "example": VALUE}

    def create() -> None:
        create_custom_api(actor=actor_for(owner), name="R", base_url="https://example.com/{region}", params=[param])

    with pytest.raises(InvalidInput, match="does not match the pattern"):
        create()


@pytest.mark.parametrize(
    "pattern", ["a{1001}", "((a{100}){100}){100}", "(?=a)", r"(a)\1", "x" * (patterns.LONGEST_PATTERN + 1), "[a"]
)
def test_patterns_that_are_too_large_or_not_supported_are_invalid(pattern: str) -> None:
    with pytest.raises(patterns.InvalidPattern):
        patterns.group_count(pattern)


def test_a_value_that_is_too_long_does_not_match() -> None:
    assert patterns.fullmatch("a*", "a" * patterns.LONGEST_VALUE)
    assert patterns.fullmatch("a*", "a" * (patterns.LONGEST_VALUE + 1)) is None


def test_character_classes_only_match_ascii() -> None:
    assert patterns.fullmatch(r"\w+", "é") is None
    assert patterns.fullmatch(r"[a-z]+", "a\n") is None


def test_every_pattern_of_the_catalog_is_supported() -> None:
    for entry in catalog().values():
        for param in entry.params:
            assert patterns.group_count(param.pattern) >= 0
