"""The pages that people find by the command palette, and the navigation of the administration."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Label, URL name, and whether only admins see the page.
PAGES = (
    (_("Plugins"), "connections:plugins", False),
    (_("Custom APIs"), "integrations:custom_apis", False),
    (_("Try an action"), "gateway:try", False),
    (_("Integrations"), "connections:list", False),
    (_("Notifications"), "notifications:notices", False),
    (_("Credentials"), "connections:credentials", False),
    (_("Expiring soon"), "connections:expiring", False),
    (_("Audit log"), "audit:list", False),
    (_("Team"), "teams:members", False),
    (_("API keys"), "teams:api_keys", False),
    (_("Webhooks"), "notifications:webhooks", True),
    (_("Account"), "web:account", False),
    (_("Notification preferences"), "notifications:preferences", False),
    (_("Help"), "web:help", False),
    (_("API reference"), "api:docs", False),
)


@dataclass(frozen=True)
class Item:
    """An entry of the navigation. `model` is "app.model", "" for pages that every operator sees."""

    label: str | Promise
    icon: str
    view: str
    model: str = ""


OPERATORS = (
    ("", (Item(_("Dashboard"), "grid", "admin:index"), Item(_("Health"), "refresh", "web:health"))),
    (
        _("Connections"),
        (
            Item(_("Connections"), "link", "admin:connections_connection_changelist", "connections.connection"),
            Item(_("OAuth apps"), "key", "admin:integrations_oauthapp_changelist", "integrations.oauthapp"),
            Item(_("Requests"), "bell", "admin:integrations_servicerequest_changelist", "integrations.servicerequest"),
            Item(_("Services"), "code", "admin:integrations_integration_changelist", "integrations.integration"),
            Item(
                _("Authorizations"),
                "popup",
                "admin:connections_authorizationattempt_changelist",
                "connections.authorizationattempt",
            ),
        ),
    ),
    (
        _("People"),
        (
            Item(_("People"), "person", "admin:teams_user_changelist", "teams.user"),
            Item(_("Teams"), "team", "admin:teams_team_changelist", "teams.team"),
            Item(_("Invitations"), "mail", "admin:teams_invitation_changelist", "teams.invitation"),
            Item(_("API keys"), "token", "admin:teams_apikey_changelist", "teams.apikey"),
            Item(_("E-mail addresses"), "mail", "admin:account_emailaddress_changelist", "account.emailaddress"),
            Item(_("Groups"), "lock", "admin:auth_group_changelist", "auth.group"),
            Item(_("Audit log"), "list", "admin:audit_auditevent_changelist", "audit.auditevent"),
        ),
    ),
)


def may_view(user: Any, model: str) -> bool:
    """Whether the operator may open the pages of `model` ("app.model"); "" is any operator's."""
    app, _, name = model.partition(".")
    return not model or any(user.has_perm(f"{app}.{may}_{name}") for may in ("view", "change"))
