"""A misbehaving authorization server on a real socket: scripted per test, with a journal that a checker reads."""

from tests.authserver.faults import (
    ABSENT,
    Answer,
    Behaviour,
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
    "Behaviour",
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
