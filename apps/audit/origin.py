"""Where an audited action came from, as plain data that every room can make."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Who did it and from where. `kind` is user, service, operator or system; `label` a name snapshot for people."""

    kind: str
    id: str
    label: str
    ip: str | None = None
    user_agent: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class Target:
    """What it was done to: the type's name, its ID and a label snapshot, and the integration it belongs to."""

    type: str
    id: str
    label: str = ""
    integration: str = ""
