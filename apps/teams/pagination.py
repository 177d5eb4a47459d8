"""How the REST API pages through lists: by cursor, newest first, `{"next", "previous", "results"}`."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages of rows that have `created_at`."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
