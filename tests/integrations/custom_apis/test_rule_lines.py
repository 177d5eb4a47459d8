"""Rules about responses, as they are typed."""

import pytest

from apps.integrations.custom_apis.rule_lines import (
    InvalidLine,
    check_in,
    check_line,
    ended_token_in,
    error_rules_in,
    lines_of,
    rules_from,
)
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import Check

TYPED = """
invalid_grant status=BAD_REFRESH_TOKEN
invalid_grant 400,401 error.code=190,460

slow_down 400 "too many requests"
too_early error=access_denied "not expired"
invalid_client ["error.type"]=client
temporarily_unavailable retry
invalid_grant ok=false
"""
RULES = (
    ErrorRule("invalid_grant", path="status", values=("BAD_REFRESH_TOKEN",)),
    ErrorRule("invalid_grant", (400, 401), "error.code", ("190", "460")),
    ErrorRule("slow_down", (400,), description="too many requests"),
    ErrorRule("too_early", path="error", values=("access_denied",), description="not expired"),
    ErrorRule("invalid_client", path='["error.type"]', values=("client",)),
    ErrorRule("temporarily_unavailable", path="retry"),
    ErrorRule("invalid_grant", path="ok", values=(False,)),
)


def test_lines_are_rules_and_rules_are_lines() -> None:
    assert error_rules_in(TYPED) == RULES
    assert error_rules_in(lines_of(RULES)) == RULES
    assert rules_from([rule._asdict() for rule in RULES]) == RULES


def test_signs_have_no_meaning() -> None:
    signs = (EndedTokenSign((403,)), EndedTokenSign((200,), "errors[0].code", ("601", "602")))
    assert ended_token_in("403\n200 errors[0].code=601,602") == signs
    assert ended_token_in(lines_of(signs)) == signs


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dead 400", "not a meaning"),
        ("invalid_grant", "needs an HTTP status"),
        ('invalid_grant "text only"', "needs an HTTP status"),
        ("invalid_grant a..b=1", "not a path"),
        ("invalid_grant 400 401", "two conditions of the same kind"),
        ("invalid_grant a=1 b=2", "two conditions of the same kind"),
    ],
)
def test_a_line_that_is_no_rule_says_why(line: str, words: str) -> None:
    with pytest.raises(InvalidLine, match=words):
        error_rules_in(line)


@pytest.mark.parametrize(
    ("text", "check"),
    [("ok=true", Check("ok", True)), ("code=0", Check("code", 0)), ("status=success", Check("status", "success"))],
)
def test_a_check_is_a_path_and_its_value_with_its_type(text: str, check: Check) -> None:
    assert check_in(text) == check
    assert check_line(check) == text


def test_no_check_and_a_broken_one() -> None:
    assert check_in(" ") is None
    for text in ("ok", "ok=", "a..b=1"):
        with pytest.raises(InvalidLine):
            check_in(text)
