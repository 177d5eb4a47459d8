"""Base classes of domain errors. Must not import Django."""


def gettext_noop(text: str) -> str:
    """Mark a text for translation, as Django's function of that name: titles are translated where they are shown."""
    return text


class SpecwayError(Exception):
    """A request of a person or program cannot be fulfilled.

    `code` is stable and part of the API; `status` is the HTTP status. The message is one sentence that says what to
    do, without secrets, and is the same on pages, in the API and in the audit log. `help` is an anchor of the
    troubleshooting page; `retry_after` (seconds) becomes the header of that name; `extra` are further members of the
    problem document (RFC 9457).
    """

    code = "error"
    status = 400
    title = gettext_noop("Request refused")
    help = ""

    def __init__(self, sentence: str, *, retry_after: int | None = None, **extra: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after
        self.extra = extra


class NotFound(SpecwayError):
    """The object does not exist, or the caller may not see it. The two are not distinguished."""

    code, status, title = "not_found", 404, gettext_noop("Not found")


class NotAllowed(SpecwayError):
    """The caller may see the object, but may not do this with it."""

    code, status, title = "permission_denied", 403, gettext_noop("Not allowed")
