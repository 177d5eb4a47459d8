"""The servers of single operations and paths, which become further API hosts of a custom API."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from apps.integrations.custom_apis.openapi.described import FoundHost, Server
from apps.integrations.custom_apis.openapi.document import listing, mapping
from apps.integrations.custom_apis.openapi.servers import server_in

MOST = 10  # a custom API has no more
_LONGEST_LABEL = 60
_MOST_ALTERNATIVES = 10


class OwnServers:
    """Gives each server that is not one of the whole document a name. `hosts` are those found so far."""

    def __init__(self, shared: Sequence[Server], *, base_url: str, document_url: str) -> None:
        """`shared` are the document's servers, `base_url` is the one that the API uses, if it is chosen already."""
        self.hosts: list[FoundHost] = []
        self._shared = {server.url for server in shared} | {base_url.rstrip("/")}
        chosen = next((server for server in shared if server.url == base_url.rstrip("/")), None)
        used = chosen or (shared[0] if shared and not base_url else Server(base_url))
        self._base_url = used.url
        self._params = {param["name"] for param in used.params}
        # A relative URL is relative to the API (OpenAPI 3.1 4.6), only without one to the document.
        self._relative_to = f"{used.url}/" if used.url else document_url

    def host_of(self, servers: Any) -> str | None:
        """The name of the host for the `servers` of an operation or path: that of the first to which requests can be
        sent. "" for the base URL, None where there is no such server."""
        alternatives = listing(servers)[:_MOST_ALTERNATIVES]
        if not alternatives:
            return ""
        for item in alternatives:
            server = server_in(mapping(item), self._relative_to)
            url = self._with_defaults(server) if server else None
            if server and url:
                return "" if url in self._shared or server.url in self._shared else self._name_of(url, server.label)
        return None

    def _with_defaults(self, server: Server) -> str | None:
        """The URL with the default of each parameter that the base URL does not have; None without a default."""
        url = server.url
        for param in server.params:
            if param["name"] in self._params:
                continue
            if not param["default"]:
                return None
            url = url.replace(f"{{{param['name']}}}", param["default"])
        return url

    def _name_of(self, url: str, label: str) -> str | None:
        known = next((host.name for host in self.hosts if host.base_url == url), None)
        if known or len(self.hosts) >= MOST:
            return known
        taken = {host.name for host in self.hosts}
        stem = _stem(url, self._base_url)
        name = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, MOST + 2))) if name not in taken)
        self.hosts.append(FoundHost(name, url, (label or urlsplit(url).netloc)[:_LONGEST_LABEL]))
        return name


def _stem(url: str, base_url: str) -> str:
    """A short name for a host: its first label, or its path where the host is that of the base URL."""
    parts = urlsplit(url)
    is_other_host = parts.netloc.lower() != urlsplit(base_url).netloc.lower()
    text = parts.netloc.partition(".")[0] if is_other_host else parts.path
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "host"
