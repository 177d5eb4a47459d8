"""Validation of what a custom API says about responses: paths, rules and signs of an ended token. Pure."""

from collections.abc import Iterator, Sequence
from typing import get_args

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.custom_apis.rule_lines import MEANS
from apps.integrations.custom_apis.schema import Authentication, BasicCredentials
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import is_path

NO_PATH = _("Enter a path such as data.user.id, with [0] for list items.")
MAX_RULES = 30
MAX_VALUES = 50
_LONGEST_VALUE = 200
_PATHS = ("access_token_path", "refresh_token_path", "expires_in_path", "scope_path")


def response_problems(authentication: Authentication) -> list[tuple[str, str]]:
    """What is wrong, as (field, message)."""
    errors = [(name, str(NO_PATH)) for name in _PATHS if (path := getattr(authentication, name)) and not is_path(path)]
    if authentication.basic_credentials not in get_args(BasicCredentials):
        errors.append(("basic_credentials", gettext("Choose one of encoded, raw.")))
    if len(authentication.scope_response_separator) > 1 or not authentication.scope_response_separator.isprintable():
        errors.append(("scope_response_separator", gettext("Enter one character, or leave it empty.")))
    check = authentication.success_check
    if check is not None and not is_path(check.path):
        errors.append(("success_check", str(NO_PATH)))
    unknown = [rule.means for rule in authentication.error_rules if rule.means not in MEANS]
    if unknown:
        errors.append(("error_rules", gettext("A rule means one of %(names)s.") % {"names": ", ".join(MEANS)}))
    errors += [("error_rules", message) for message in _rules(authentication.error_rules)]
    errors += [("ended_token", message) for message in _rules(authentication.ended_token)]
    return errors


def _rules(rules: Sequence[ErrorRule] | Sequence[EndedTokenSign]) -> Iterator[str]:
    if len(rules) > MAX_RULES:
        yield gettext("Enter at most %(max_rules)s lines.") % {"max_rules": MAX_RULES}
    for rule in rules:
        if not (rule.statuses or rule.path):
            yield gettext("Each rule needs HTTP statuses or a path.")
        elif any(not 100 <= status <= 599 for status in rule.statuses):
            yield gettext("An HTTP status is a number such as 400.")
        elif rule.path and not is_path(rule.path):
            yield str(NO_PATH)
        elif len(rule.values) > MAX_VALUES or not all(_is_short(text) for text in (*rule.values, rule.description)):
            yield gettext(
                "A rule has at most %(max_values)s values, each of one line and at most %(longest_value)s characters."
            ) % {"max_values": MAX_VALUES, "longest_value": _LONGEST_VALUE}
        elif '"' in rule.description:
            yield gettext("A text of the response cannot contain quotation marks.")


def _is_short(value: str | int | bool) -> bool:
    return len(str(value)) <= _LONGEST_VALUE and str(value).isprintable()
