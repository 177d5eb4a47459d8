"""The language in which a person reads: that of pages, mail and notices."""

from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from django.utils import translation


def language_of(user: object) -> str:
    """The language that the person chose; "" if none, or one that the product does not have any more."""
    chosen = getattr(user, "language", "")
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def in_language(chosen: str) -> AbstractContextManager[None]:
    """Write what follows in the language that a person chose, else in the default language.

    For what is read later and elsewhere than where it is written, such as mail and notices.
    """
    return translation.override(chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE)


def in_language_of(user: object) -> AbstractContextManager[None]:
    """Write what follows in the language that the person chose, else in the current one."""
    chosen = language_of(user)
    return in_language(chosen) if chosen else nullcontext()
