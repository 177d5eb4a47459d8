"""The categories of services, and their names for people."""

from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Category = Literal[
    "crm",
    "communication",
    "developer-tools",
    "productivity",
    "storage",
    "marketing",
    "accounting",
    "commerce",
    "support",
    "hr",
    "analytics",
    "design",
    "social",
    "identity",
    "finance",
    "ai",
    "calendar-and-mail",
    "project-management",
    "video",
    "other",
]
CATEGORY_LABELS: dict[str, Promise] = {
    "crm": _("Sales"),
    "communication": _("Communication"),
    "developer-tools": _("Developer tools"),
    "productivity": _("Documents"),
    "storage": _("Files"),
    "marketing": _("Marketing"),
    "accounting": _("Accounting"),
    "commerce": _("Commerce"),
    "support": _("Support"),
    "hr": _("People"),
    "analytics": _("Analytics"),
    "design": _("Design"),
    "social": _("Social"),
    "identity": _("Directories"),
    "finance": _("Finance"),
    "ai": _("AI"),
    "calendar-and-mail": _("Calendar and mail"),
    "project-management": _("Projects"),
    "video": _("Video"),
    "other": _("Other"),
}
