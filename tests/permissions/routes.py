"""The product's routes, from the URL configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    name: str
    path: str
    takes: tuple[str, ...]
    # The methods of an API view; a page's are found out by asking.
    methods: tuple[str, ...]


def all_routes(resolver: URLResolver | None = None, name: str = "", path: str = "/") -> Iterator[Route]:
    """Every route by its full name, with the arguments that it takes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        whole = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            space = f"{name}{pattern.namespace}:" if pattern.namespace else name
            yield from all_routes(pattern, space, whole)
        elif isinstance(pattern, URLPattern):
            groups = getattr(pattern.pattern.regex, "groupindex", {})
            view = getattr(pattern.callback, "cls", None)
            methods = [m.upper() for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)] if view else []
            yield Route(name + (pattern.name or ""), whole, tuple(groups), tuple(methods))


@cache
def of_the_product() -> dict[str, Route]:
    """The routes by name, without those of the admin site and of signing in, which have tests of their own."""
    routes = (route for route in all_routes() if not route.path.startswith(("/admin/", "/accounts/")))
    return {route.name: route for route in routes}
