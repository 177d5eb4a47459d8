"""Client of Specway Connections: connections, fresh tokens, connect sessions, and calls through vendors' SDKs."""

from specway.async_client import AsyncClient
from specway.client import Client
from specway.errors import ApiError, ForeignAddressError, NoTokenError, SessionPendingError, SpecwayError, WebhookError
from specway.proxy import AsyncProxyTransport, CallOptions, ProxyTarget, ProxyTransport
from specway.webhooks import verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncProxyTransport",
    "CallOptions",
    "Client",
    "ForeignAddressError",
    "NoTokenError",
    "ProxyTarget",
    "ProxyTransport",
    "SessionPendingError",
    "SpecwayError",
    "WebhookError",
    "verify_webhook",
]
