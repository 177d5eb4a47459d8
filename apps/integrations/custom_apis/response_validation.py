"""Validation of what a custom API says about responses: paths, rules and signs of an ended token. Pure."""

from collections.abc import Iterator, Sequence
from typing import get_args

from apps.integrations.custom_apis.rule_lines import MEANS
from apps.integrations.custom_apis.schema import Authentication, BasicCredentials
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import is_path

NO_PATH = "Enter a path such as data.user.id, with [0] for list items."
MAX_RULES = 30
MAX_VALUES = 50
_LONGEST_VALUE = 200
_PATHS = ("access_token_path", "refresh_token_path", "expires_in_path", "scope_path")


def response_problems(authentication: Authentication) -> list[tuple[str, str]]:
    """What is wrong, as (field, message)."""
    errors = [(name, NO_PATH) for name in _PATHS if (path := getattr(authentication, name)) and not is_path(path)]
    if authentication.basic_credentials not in get_args(BasicCredentials):
        errors.append(("basic_credentials", "Choose one of encoded, raw."))
    if len(authentication.scope_response_separator) > 1 or not authentication.scope_response_separator.isprintable():
        errors.append(("scope_response_separator", "Enter one character, or leave it empty."))
    check = authentication.success_check
    if check is not None and not is_path(check.path):
        errors.append(("success_check", NO_PATH))
    unknown = [rule.means for rule in authentication.error_rules if rule.means not in MEANS]
    if unknown:
        errors.append(("error_rules", f"A rule means one of {', '.join(MEANS)}."))
    errors += [("error_rules", message) for message in _rules(authentication.error_rules)]
    errors += [("ended_token", message) for message in _rules(authentication.ended_token)]
    return errors


def _rules(rules: Sequence[ErrorRule] | Sequence[EndedTokenSign]) -> Iterator[str]:
    if len(rules) > MAX_RULES:
        yield f"Enter at most {MAX_RULES} lines."
    for rule in rules:
        if not (rule.statuses or rule.path):
            yield "Each rule needs HTTP statuses or a path."
        elif any(not 100 <= status <= 599 for status in rule.statuses):
            yield "An HTTP status is a number such as 400."
        elif rule.path and not is_path(rule.path):
            yield NO_PATH
        elif len(rule.values) > MAX_VALUES or not all(_is_short(text) for text in (*rule.values, rule.description)):
            yield f"A rule has at most {MAX_VALUES} values, each of one line and at most {_LONGEST_VALUE} characters."
        elif '"' in rule.description:
            yield "A text of the response cannot contain quotation marks."


def _is_short(value: str | int | bool) -> bool:
    return len(str(value)) <= _LONGEST_VALUE and str(value).isprintable()
