"""Filters of admin lists whose values are too many for links: one types a part of a name."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


class TextFilter(admin.SimpleListFilter):
    """A search field, suggestions while typing, and links to some values.

    Subclasses set `title`, `parameter_name` and `placeholder`, and write `matching`. Rows are filtered by keys that
    `matching` found, at most MOST_MATCHING, so that the list's query stays one by an index.
    """

    template = "admin/text_filter.html"
    placeholder: str | Promise = ""
    # Values that one text may name.
    MOST_MATCHING = 50

    def matching(self, text: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the list that `text` names."""
        raise NotImplementedError

    def suggestions(self) -> Iterable[str]:
        """Texts that the browser offers while one types."""
        return ()

    def links(self) -> Iterable[tuple[str, str]]:
        """(text, label) of the values that are offered as links."""
        return ()

    def display(self) -> str:
        """What the field shows for the current text."""
        return (self.value() or "").strip()

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        text = (self.value() or "").strip()[:100]
        return self.matching(text, queryset) if text else queryset

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override] # more keys
        others = [(name, value) for name, values in changelist.filter_params.items() for value in values]
        yield {
            "parameter": self.parameter_name,
            "text": self.display(),
            "placeholder": self.placeholder,
            "suggestions": _options(tuple(self.suggestions())),
            "others": [(name, value) for name, value in others if name not in (self.parameter_name, PAGE_VAR)],
            "links": [
                {
                    "query_string": changelist.get_query_string({str(self.parameter_name): text}),
                    "selected": text == self.value(),
                    "display": label,
                }
                for text, label in self.links()
            ],
        }


@lru_cache(maxsize=64)
def _options(texts: tuple[str, ...]) -> SafeString:
    """Hundreds of options, which a loop in the template would make anew for each page."""
    return format_html_join("", '<option value="{}"></option>', ((text,) for text in texts))
