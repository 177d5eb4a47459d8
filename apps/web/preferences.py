"""What a person chose for pages: the name others see, language, time zone, date format and theme."""

from collections.abc import Callable
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.dates import date_format_of
from apps.teams.languages import language_of
from apps.teams.models import User
from apps.web.page_middleware import is_api_call

THEMES = (("", _("As the system")), ("light", _("Light")), ("dark", _("Dark")))
# Pages for programs, which are in English as the API is.
_FOR_PROGRAMS = ("/metrics", "/healthz", "/readyz", "/llms.txt")


def languages() -> tuple[tuple[str, str | Promise], ...]:
    """The languages of pages as choices, each named in its own language. English, the default, is ""."""
    return tuple(("" if code == settings.LANGUAGE_CODE else code, name) for code, name in settings.LANGUAGES)


DATE_FORMATS = (
    ("", _("As usual in the language")),
    ("iso", "2026-11-30, 16:30"),
    ("points", "30.11.2026, 16:30"),
    ("us", "11/30/2026, 4:30 PM"),
    ("slashes", "30/11/2026, 16:30"),
)


@cache
def time_zones() -> tuple[tuple[str, str], ...]:
    """The named time zones of places, by region, as choices. UTC comes first and is "", the default."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return (("", "UTC"), *((name, name.replace("_", " ").replace("/", " / ")) for name in places))


class ProfileForm(forms.Form):
    """The person's name and how pages look to them."""

    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    language = forms.ChoiceField(choices=languages, required=False)
    time_zone = forms.ChoiceField(choices=time_zones, required=False)
    date_format = forms.ChoiceField(choices=DATE_FORMATS, required=False)
    theme = forms.ChoiceField(choices=THEMES, required=False)

    def save(self, user: User) -> None:
        """Store the valid values."""
        for name in self.fields:
            setattr(user, name, self.cleaned_data[name])
        user.save(update_fields=[*self.fields])


class PreferencesMiddleware:
    """Shows pages in the person's language, time zone and date format.

    Without a chosen language, pages are in English. The API, exports and what programs read stay English and UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_for_programs(request):
            return self.get_response(request)
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        zone = getattr(user, "time_zone", "")
        # A name that the database of this machine does not know any more is no reason for an error.
        known_zone = ZoneInfo(zone) if zone and zone in dict(time_zones()) else None
        language = language_of(user) or settings.LANGUAGE_CODE
        with (
            timezone.override(known_zone),
            translation.override(language),
            date_format_of(getattr(user, "date_format", "")),
        ):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _is_for_programs(request: HttpRequest) -> bool:
    return is_api_call(request) or request.path_info.startswith(_FOR_PROGRAMS)
