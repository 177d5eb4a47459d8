"""Scopes are sets; aliases count as one, and what no answer repeats is not compared."""

from apps.connections.policy import scopes
from apps.oauth.provider import ProviderConfig

PROVIDER = ProviderConfig(
    slug="x",
    name="X",
    authorization_url="https://x.example/a",
    token_url="https://x.example/t",
    ignored_scopes=frozenset({"offline_access"}),
    scope_aliases={"email": "https://x.example/auth/email"},
)


def test_an_absent_answer_means_as_requested_and_an_empty_one_nothing() -> None:
    assert scopes.granted(answered=None, requested=["b", "a"]) == ["a", "b"]
    assert scopes.granted(answered=frozenset(), requested=["a"]) == []


def test_the_answer_counts_also_where_it_is_more_than_was_asked() -> None:
    assert scopes.granted(answered=frozenset({"b", "a", "c"}), requested=["a"]) == ["a", "b", "c"]


def test_missing_is_what_was_wanted_and_not_granted_whatever_the_order() -> None:
    assert scopes.missing(wanted=["c", "a", "b"], granted=["b"], provider=PROVIDER) == ["a", "c"]
    assert scopes.missing(wanted=["a", "b"], granted=["b", "a", "z"], provider=PROVIDER) == []


def test_an_alias_is_the_same_scope_either_way() -> None:
    full = "https://x.example/auth/email"
    assert scopes.missing(wanted=["email"], granted=[full], provider=PROVIDER) == []
    assert scopes.missing(wanted=[full], granted=["email"], provider=PROVIDER) == []


def test_what_no_answer_repeats_is_never_missing() -> None:
    assert scopes.missing(wanted=["offline_access"], granted=[], provider=PROVIDER) == []
