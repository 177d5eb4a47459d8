"""What can be done with integrations and OAuth apps. Each service owns its transaction and its audit event."""

from apps.integrations.services.catalogue import Loaded, load_catalogue, set_enabled
from apps.integrations.services.oauth_apps import (
    client_credentials,
    client_param_problems,
    delete_oauth_app,
    ensure_oauth_app,
    mark_oauth_app_broken,
    oauth_app_for,
    override_problems,
    require_offered,
    require_unused,
    save_oauth_app,
    takes_secret,
)

__all__ = [
    "Loaded",
    "client_credentials",
    "client_param_problems",
    "delete_oauth_app",
    "ensure_oauth_app",
    "load_catalogue",
    "mark_oauth_app_broken",
    "oauth_app_for",
    "override_problems",
    "require_offered",
    "require_unused",
    "save_oauth_app",
    "set_enabled",
    "takes_secret",
]
