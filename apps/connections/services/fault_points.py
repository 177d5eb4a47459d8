"""Named places in a refresh at which tests stop or kill the process. In production nothing happens there.

FAULT_POINTS, the dotted path of a callable that is given the name, is no setting of the product: no environment
variable sets it, only a settings module of the tests does, and a system check refuses it on a public address.
"""

from django.conf import settings
from django.utils.module_loading import import_string

BEFORE_SEND = "before_send"  # the mark of the sending is committed, nothing has left
AFTER_ANSWER = "after_answer"  # the service's answer is in memory only
BEFORE_COMMIT = "before_commit"  # in the transaction that stores it


def reached(name: str) -> None:
    """The process is at the fault point `name`."""
    visitor = getattr(settings, "FAULT_POINTS", None)
    if visitor is not None:
        import_string(visitor)(name)
