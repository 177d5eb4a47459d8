"""Signals that integrations sends to the packages above it, after the change is committed."""

from django.dispatch import Signal

# An OAuth app became another client: its tokens belong to the earlier one. Arguments: `oauth_app`, `origin`.
oauth_client_changed = Signal()

# A custom API has other addresses or parameters than before. Arguments: `integration`, `origin`.
addresses_changed = Signal()
