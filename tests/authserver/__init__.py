"""A scriptable authorization server on a socket, with a journal of its token calls for assertions."""

from tests.authserver.faults import (
    ABSENT,
    Answer,
    Behavior,
    altered,
    answers,
    bomb,
    broken_off,
    dripped,
    huge,
    refuses,
    reset,
    truncated,
)
from tests.authserver.journal import Call, Journal
from tests.authserver.server import AuthServer, Gate, auth_server

__all__ = [
    "ABSENT",
    "Answer",
    "AuthServer",
    "Behavior",
    "Call",
    "Gate",
    "Journal",
    "altered",
    "answers",
    "auth_server",
    "bomb",
    "broken_off",
    "dripped",
    "huge",
    "refuses",
    "reset",
    "truncated",
]
