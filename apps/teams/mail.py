"""Mail whose text is a template of its own, such as invitations: the same text as HTML, with the link as a button."""

import re
from collections.abc import Iterator, Mapping

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.functional import Promise

SIGNATURE = "Specway"
_LINK = re.compile(r"https?://\S+")
# A code to type in: digits or capitals, perhaps in groups.
_CODE = re.compile(r"[0-9A-Z]{2,}(-[0-9A-Z]{2,})*")

Part = tuple[str, str, str]


def html_message(
    *, subject: str, text: str, to: list[str], buttons: Mapping[str, str | Promise]
) -> EmailMultiAlternatives:
    """A message of the text, and of the same as HTML. `buttons` has the labels of links in the text by address."""
    message = EmailMultiAlternatives(subject=subject, body=text, to=to)
    message.attach_alternative(as_html(subject, text, buttons), "text/html")
    return message


def as_html(subject: str, text: str, buttons: Mapping[str, str | Promise]) -> str:
    """The text as a page in the current language. It is plain text: what it has of HTML is shown as it is."""
    parts = list(_parts(text, buttons))
    has_button = any(kind == "button" for kind, _text, _address in parts)
    return render_to_string("mail/text_as_html.html", {"subject": subject, "parts": parts, "has_button": has_button})


def _parts(text: str, buttons: Mapping[str, str | Promise]) -> Iterator[Part]:
    """(kind, text, address): a paragraph, a code, a link that has a line to itself, or the button for it."""
    paragraphs = [" ".join(each.split()) for each in _lines_apart(text)]
    if paragraphs[-1:] == [SIGNATURE]:
        paragraphs.pop()
    for paragraph in filter(None, paragraphs):
        if _LINK.fullmatch(paragraph) and paragraph in buttons:
            yield "button", str(buttons[paragraph]), paragraph
        elif _LINK.fullmatch(paragraph):
            yield "link", paragraph, paragraph
        else:
            yield "code" if _CODE.fullmatch(paragraph) else "text", paragraph, ""


def _lines_apart(text: str) -> list[str]:
    """The paragraphs, with links that have a line to themselves as paragraphs of their own."""
    return re.split(r"\n\s*\n|\n(?=https?://\S+\s*(?:\n|$))", text.strip())
