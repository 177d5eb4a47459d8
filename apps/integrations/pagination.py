"""How the REST API's lists are paged, here and in the rooms above: by cursor, so that a page never shifts."""

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """`{"next", "previous", "results"}`; `page_size` is 50 unless asked for, 200 at most.

    A view says how its rows are ordered with an `ordering` of its own; the last field must be unique.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "id")
    page_size_query_description = "How many results a page holds, 200 at most."
