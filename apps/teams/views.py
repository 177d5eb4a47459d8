"""Pages of teams and API keys."""

from django.http import HttpRequest, HttpResponse


def _todo(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse()


create = switch = accept_invitation = members = rename = leave = change_role = remove_member = revoke_invitation = (
    api_keys
) = revoke_api_key = _todo
