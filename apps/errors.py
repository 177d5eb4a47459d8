"""The domain errors: one sentence each, the same in the web UI, the API and the audit log. No Django in here."""


class SpecwayError(Exception):
    """Something that a person or a program asked for cannot be done.

    `code` is stable and part of the API; `status` is the HTTP status; `str(error)` is one sentence that a person can
    act on and that never holds a secret. `help` is the anchor of the troubleshooting page that explains more;
    `retry_after` (seconds) is sent as the header of that name; `extra` members join the problem document (RFC 9457).
    """

    code = "error"
    status = 400
    title = "Request refused"
    help = ""

    def __init__(self, sentence: str, *, retry_after: int | None = None, **extra: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after
        self.extra = extra


class NotFound(SpecwayError):
    """It does not exist, or the caller may not see it: the two are never told apart."""

    code, status, title = "not_found", 404, "Not found"


class NotAllowed(SpecwayError):
    """The caller sees it but may not do this with it."""

    code, status, title = "permission_denied", 403, "Not allowed"
