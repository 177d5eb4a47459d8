"""The origin and target of an audited action, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Who acted, and from where. `kind` is user, service, operator or system; `label` is the name at that time."""

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
    """What was acted on: its type, its ID, its name at that time, and its integration."""

    type: str
    id: str
    label: str = ""
    integration: str = ""
