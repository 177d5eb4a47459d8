"""Rules about responses as lines of text, as they are typed: one rule per line. Pure.

`invalid_grant 400 error.code=190,460 "session has expired"`: what it means, HTTP statuses, a path with its values, and
a text of the response; all but one condition can be left out. Signs of an ended token are the same without a meaning.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from django.utils.translation import gettext

from apps.oauth.conditions import EndedTokenSign, ErrorRule, Means
from apps.oauth.paths import Check, is_path

MEANS: tuple[str, ...] = get_args(Means)
_WORD = re.compile(r'"(?P<text>[^"]*)"|(?P<word>\S+)')
_STATUSES = re.compile(r"[1-5][0-9]{2}(,[1-5][0-9]{2})*")


class InvalidLine(ValueError):
    """A line that is no rule; the text says why."""


def error_rules_in(text: str) -> tuple[ErrorRule, ...]:
    """One rule per line. Raises InvalidLine."""
    return tuple(_error_rule(line) for line in _lines(text))


def ended_token_in(text: str) -> tuple[EndedTokenSign, ...]:
    """One sign per line. Raises InvalidLine."""
    return tuple(EndedTokenSign(**_conditions(line, line)) for line in _lines(text))


def check_in(text: str) -> Check | None:
    """`path=value`; None for an empty text. Raises InvalidLine."""
    if not text.strip():
        return None
    path, separator, value = text.strip().partition("=")
    if not separator or not value:
        raise InvalidLine(gettext("Enter a path and its value, such as ok=true."))
    _require_path(path)
    return Check(path, _value(value, of_number=int))


def lines_of(rules: Iterable[ErrorRule | EndedTokenSign]) -> str:
    """The text that `error_rules_in` or `ended_token_in` reads."""
    return "\n".join(_line_of(rule) for rule in rules)


def check_line(check: Check | None) -> str:
    """The text that `check_in` reads."""
    return f"{check.path}={_text_of(check.equals)}" if check else ""


def rules_from(stored: Iterable[Mapping[str, Any]]) -> tuple[ErrorRule, ...]:
    """From JSON; the inverse of `_asdict`."""
    return tuple(ErrorRule(**_with_tuples(rule)) for rule in stored)


def signs_from(stored: Iterable[Mapping[str, Any]]) -> tuple[EndedTokenSign, ...]:
    """From JSON; the inverse of `_asdict`."""
    return tuple(EndedTokenSign(**_with_tuples(sign)) for sign in stored)


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _error_rule(line: str) -> ErrorRule:
    means, _, rest = line.partition(" ")
    if means not in MEANS:
        raise InvalidLine(
            gettext("“%(means)s” is not a meaning. Begin the line with one of %(names)s.")
            % {"means": means[:40], "names": ", ".join(MEANS)}
        )
    return ErrorRule(means, **_conditions(rest, line))  # type: ignore[arg-type] # checked above


def _conditions(text: str, line: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for match in _WORD.finditer(text):
        name, value = _condition(match)
        if name in found:
            raise InvalidLine(
                gettext("“%(line)s” has two conditions of the same kind. Write a line for each.") % {"line": line[:60]}
            )
        found[name] = value
    if "path" in found:
        found["path"], found["values"] = found["path"]
    if not ("statuses" in found or "path" in found):
        raise InvalidLine(
            gettext("“%(line)s” needs an HTTP status such as 400, or a path and its value such as error=expired.")
            % {"line": line[:60]}
        )
    return found


def _condition(match: re.Match[str]) -> tuple[str, Any]:
    if match["text"] is not None:
        return "description", match["text"]
    word = match["word"]
    if _STATUSES.fullmatch(word):
        return "statuses", tuple(int(status) for status in word.split(","))
    # A path may be a quoted key, which may hold an equals sign.
    path, _, values = word.rpartition("=") if "=" in word.rpartition("]")[2] else (word, "", "")
    _require_path(path)
    return "path", (path, tuple(_value(value) for value in values.split(",") if value))


def _require_path(path: str) -> None:
    if not is_path(path):
        raise InvalidLine(
            gettext("“%(path)s” is not a path such as error.code, with [0] for list items.") % {"path": path[:60]}
        )


def _value(text: str, *, of_number: type = str) -> str | int | bool:
    """A value; numbers and their digits are equal in rules, in checks they are not."""
    if text in ("true", "false"):
        return text == "true"
    is_number = re.fullmatch(r"-?[0-9]{1,15}", text) is not None
    value: str | int = of_number(text) if is_number else text
    return value


def _text_of(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line_of(rule: ErrorRule | EndedTokenSign) -> str:
    parts = [rule.means] if isinstance(rule, ErrorRule) else []
    statuses = ",".join(map(str, rule.statuses))
    values = ",".join(map(_text_of, rule.values))
    path = f"{rule.path}={values}" if values else rule.path
    text = f'"{rule.description}"' if rule.description else ""
    return " ".join(filter(None, [*parts, statuses, path, text]))
