"""Calls to token, revocation, account and metadata endpoints, by their old names."""

from apps.oauth.account import Account, fetch_account, fetch_placement
from apps.oauth.discovery import discover
from apps.oauth.registration import register
from apps.oauth.revocation import revoke
from apps.oauth.token_request import client_credentials, exchange_code, refresh

__all__ = [
    "Account",
    "client_credentials",
    "discover",
    "exchange_code",
    "fetch_account",
    "fetch_placement",
    "refresh",
    "register",
    "revoke",
]
