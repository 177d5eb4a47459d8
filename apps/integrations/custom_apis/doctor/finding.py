"""One finding of the doctor. Pure."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "advice", "fault"]


@dataclass(frozen=True)
class Finding:
    """`code` is stable, for programs; `fix` is empty where nothing is to be done; `field` names the form's field."""

    code: str
    severity: Severity
    title: str
    sentence: str
    fix: str = ""
    field: str = ""
