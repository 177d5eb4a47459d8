"""Addresses to lead on to. Pure."""

from urllib.parse import urlencode


def with_parameters(address: str, **parameters: str) -> str:
    """The address, of our pages or another's, with these parameters added to its query."""
    base, mark, fragment = address.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(parameters)}{mark}{fragment}"
