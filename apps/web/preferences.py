"""What a person chose for pages: the name others see, the time zone and the theme."""

from collections.abc import Callable
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.teams.models import User
from apps.web.problems import is_api

THEMES = (("", "As the system"), ("light", "Light"), ("dark", "Dark"))


@cache
def time_zones() -> tuple[tuple[str, str], ...]:
    """The named time zones of places, by region, as choices. UTC comes first and is "", the default."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return (("", "UTC"), *((name, name.replace("_", " ").replace("/", " / ")) for name in places))


class ProfileForm(forms.Form):
    """The person's name and how pages look to them."""

    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    time_zone = forms.ChoiceField(choices=time_zones, required=False)
    theme = forms.ChoiceField(choices=THEMES, required=False)

    def save(self, user: User) -> None:
        """Store the valid values."""
        for name in self.fields:
            setattr(user, name, self.cleaned_data[name])
        user.save(update_fields=[*self.fields])


class TimeZoneMiddleware:
    """Shows pages in the time zone that the signed-in person chose. The API and exports stay in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api(request) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        name = getattr(request.user, "time_zone", "")
        # A name that the database of this machine does not know any more is no reason for an error.
        with timezone.override(ZoneInfo(name) if name in dict(time_zones()) and name else None):
            return self.get_response(request)
