"""The base of the REST API's views: unknown parameters and fields are errors."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.rest.deprecation import deprecation_of

PAGE_PARAMETERS = frozenset({"cursor", "page_size"})
# Unknown names are quoted in errors up to this length.
MAX_QUOTED_NAME = 100


class StrictAPIView(APIView):
    """A view of the API. `filters` are the query parameters of its GET; `query` has their validated values."""

    filters: ClassVar[type[Serializer[Any]] | None] = None
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(self, (request.method or "").lower()):
            return  # 405, whatever the query
        filters = self.filters if request.method in ("GET", "HEAD") else None
        allowed = PAGE_PARAMETERS if is_paginated(self, request.method or "") else frozenset[str]()
        self.query = validated_query(request, filters, allowed=allowed)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        end = deprecation_of(self, request.method or "")
        for name, value in (end.headers() if end else {}).items():
            final[name] = value
        return final


def is_paginated(view: Any, method: str) -> bool:
    """Whether the response is paginated, so that `cursor` and `page_size` are allowed."""
    return method in ("GET", "HEAD") and getattr(view, "pagination_class", None) is not None


def validated_query(
    request: Request, filters: type[Serializer[Any]] | None, *, allowed: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The query parameters, validated by `filters`; those in `allowed` are left out.

    Raises ValidationError for a parameter that is unknown, repeated or invalid.
    """
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    if repeated:
        raise ValidationError({name[:MAX_QUOTED_NAME]: ["Pass this only once."] for name in sorted(repeated)})
    params = {name: value for name, value in request.query_params.items() if name not in allowed}
    if filters is None:
        if params:
            raise ValidationError({name[:MAX_QUOTED_NAME]: ["Unknown parameter."] for name in sorted(params)})
        return {}
    return _strictly_validated(filters(data=params), "Unknown parameter.")


def validated(serializer: Serializer[Any]) -> dict[str, Any]:
    """The validated body. Unknown fields are errors; no body is the same as an empty object."""
    return _strictly_validated(serializer, "Unknown or read-only field.")


def require_empty_body(request: Request) -> None:
    """For operations without a body. Raises ValidationError for a body with fields."""
    validated(Serializer(data=request.data))


def _strictly_validated(serializer: Serializer[Any], message: str) -> dict[str, Any]:
    data = serializer.initial_data
    unknown = set(data) - set(serializer.fields) if isinstance(data, Mapping) else set()
    if unknown:
        raise ValidationError({str(name)[:MAX_QUOTED_NAME]: [message] for name in sorted(unknown)})
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
