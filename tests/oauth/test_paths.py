"""Paths into JSON documents."""

from typing import Any

import pytest

from apps.oauth.paths import InvalidPath, is_path, pick, steps_of

DOCUMENT: dict[str, Any] = {
    "data": {"users": [{"id": 7}, {"id": 8}]},
    "https://example.com/claims/sub": "auth0|5f",
    "a.b": {"c": 1},
    "teams": {"T0123": {"name": "Fernhill"}},
    "several": {"a": 1, "b": 2},
    "empty": {},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data.users[1].id", 8),
        ("data.users[2].id", None),
        ("data.users.id", None),
        ("data.user | data.users[0].id", 7),
        ('["https://example.com/claims/sub"]', "auth0|5f"),
        ('["a.b"].c', 1),
        ('["a.b"]["c"]', 1),
        ("teams.*.name", "Fernhill"),
        ("several.*", None),
        ("empty.*", None),
        ("data.users.*", None),
        ("https://example", None),
        ("", DOCUMENT),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(path: str, found: object) -> None:
    assert pick(DOCUMENT, path) == found


@pytest.mark.parametrize("path", ["a..b", "a.", "a[x]", "a[", 'a["b]', "a[-1]", "[]", "a]", "a | ", "*a."])
def test_what_is_no_path_is_known_before_it_is_used(path: str) -> None:
    assert not is_path(path)


@pytest.mark.parametrize("path", ["id", "a.b-c.d_e", "[0].name", "a | b[1]", "teams.*.id", '["a/b"]'])
def test_paths(path: str) -> None:
    assert is_path(path)


def test_an_invalid_path_is_an_error() -> None:
    with pytest.raises(InvalidPath):
        steps_of("a..b")
