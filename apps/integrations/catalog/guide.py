"""The `[guide]` table: how an OAuth app is registered at the vendor, and the rules for its sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.integrations.catalog.errors import SchemaError

MAX_STEP = 260


@dataclass(frozen=True, kw_only=True)
class Guide:
    """`[guide]`: what to do at the vendor's console, in the vendor's own words for its menus, buttons and fields.

    `steps`: sentences in their order; the words of the console stand between asterisks. `paste`: the field that takes
    the redirect URI; one step names it. `enable`: APIs, products or settings to enable there. `scopes`: whether the
    permissions in `[[scopes]]` have to be enabled there as well. `review`: whether the vendor has to approve anything
    before other people connect. `source`: the vendor's page that says so.
    """

    steps: tuple[str, ...]
    paste: str
    source: str
    enable: tuple[str, ...] = ()
    scopes: bool = False
    review: str = ""


def parts_of(sentence: str) -> list[tuple[str, bool]]:
    """The sentence in parts: text, and whether it is what the console shows (between asterisks)."""
    return [(text, bool(number % 2)) for number, text in enumerate(sentence.split("*")) if text]


def names_field(step: str, field: str) -> bool:
    """Whether the step names that field of the console."""
    return (field, True) in parts_of(step)


def check_guide(guide: Guide, *, registers_app: bool, has_scopes: bool) -> None:
    """Raises SchemaError for the first key of the guide that cannot be shown.

    `registers_app`: whether the service needs an OAuth app. `has_scopes`: whether the file lists permissions.
    """
    if not registers_app:
        raise SchemaError("guide", "is not allowed for a service without OAuth app")
    if not guide.steps:
        raise SchemaError("guide.steps", "must have at least one step")
    for key, sentence in _sentences(guide):
        _check_sentence(key, sentence)
    for number, name in enumerate(guide.enable):
        if not name.strip() or "*" in name:
            raise SchemaError(f"guide.enable[{number}]", "must be a name")
    if sum(names_field(step, guide.paste) for step in guide.steps) != 1:
        raise SchemaError("guide.paste", f"exactly one step must name the field, as *{guide.paste}*")
    if guide.scopes and not has_scopes:
        raise SchemaError("guide.scopes", "is true although the file has no [[scopes]]")


def _sentences(guide: Guide) -> Iterator[tuple[str, str]]:
    for number, step in enumerate(guide.steps):
        yield f"guide.steps[{number}]", step
    if guide.review:
        yield "guide.review", guide.review


def _check_sentence(key: str, sentence: str) -> None:
    if not sentence.endswith(".") or "\n" in sentence or len(sentence) > MAX_STEP:
        raise SchemaError(key, f"must be a sentence of at most {MAX_STEP} characters on one line")
    if sentence.count("*") % 2 or "**" in sentence:
        raise SchemaError(key, "must have the words of the console between two asterisks")
