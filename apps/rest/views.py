"""What every door of the REST API has in common: it takes what it knows, and refuses the rest by name."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

PAGE_PARAMETERS = frozenset({"cursor", "page_size"})
# Names that the caller made up are quoted in the answer, but not at any length.
LONGEST_NAME = 100


class StrictAPIView(APIView):
    """A view of the API. `filters` are the query parameters that its GET takes; any other is an error."""

    filters: ClassVar[type[Serializer[Any]] | None] = None
    asked: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(self, (request.method or "").lower()):
            return  # it is told (405) that there is no such method, whatever the query says
        takes = self.filters if request.method in ("GET", "HEAD") else None
        self.asked = asked_for(request, takes, paged=takes_pages(self, request.method or ""))


def takes_pages(view: Any, method: str) -> bool:
    """Whether the answer comes in pages, so that `cursor` and `page_size` mean something."""
    return method in ("GET", "HEAD") and getattr(view, "pagination_class", None) is not None


def asked_for(request: Request, filters: type[Serializer[Any]] | None, *, paged: bool = False) -> dict[str, Any]:
    """The query, validated. Raises ValidationError for a parameter that is unknown, given twice or unfit."""
    paging = PAGE_PARAMETERS if paged else frozenset()
    twice = [name for name, values in request.query_params.lists() if len(values) > 1]
    if twice:
        raise ValidationError({name[:LONGEST_NAME]: ["Give this once."] for name in sorted(twice)})
    given = {name: value for name, value in request.query_params.items() if name not in paging}
    if filters is None:
        if given:
            raise ValidationError({name[:LONGEST_NAME]: ["There is no such parameter."] for name in sorted(given)})
        return {}
    return _checked(filters(data=given), "There is no such parameter.")


def validated(serializer: Serializer[Any]) -> dict[str, Any]:
    """A body, validated. Fields that are none of ours are errors, never ignored; no body is an empty one."""
    return _checked(serializer, "There is no such field, or it cannot be set.")


def no_body(request: Request) -> None:
    """For calls that take none. Raises ValidationError for one that says something."""
    validated(Serializer(data=request.data))


def _checked(serializer: Serializer[Any], sentence: str) -> dict[str, Any]:
    given = serializer.initial_data
    unknown = set(given) - set(serializer.fields) if isinstance(given, Mapping) else set()
    if unknown:
        raise ValidationError({str(name)[:LONGEST_NAME]: [sentence] for name in sorted(unknown)})
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
