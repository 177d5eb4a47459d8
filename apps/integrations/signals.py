"""Signals of integrations, sent after the change is committed."""

from django.dispatch import Signal

# The client of an OAuth app changed: existing tokens belong to the earlier one. Arguments: `oauth_app`, `origin`.
oauth_client_changed = Signal()

# The URLs or parameters of a custom API changed. Arguments: `integration`, `origin`.
addresses_changed = Signal()
