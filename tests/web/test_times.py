"""How long ago, or until when, on pages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.web import times


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (59, "59 s ago"), (60, "1 min ago"), (7200, "2 h ago"), (3 * 86400, "3 d ago"), (-5, "just now")],
)
def test_the_time_since_is_shown_in_the_largest_unit(seconds: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert f">{words}</time>" in times.ago(now - timedelta(seconds=seconds))


def test_a_time_has_its_absolute_utc_as_title(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 3, 4, 10, 5, 7, tzinfo=timezone.get_fixed_timezone(120))
    shown = times.ago(moment)
    assert 'datetime="2026-03-04T08:05:07Z"' in shown
    assert 'title="4 Mar 2026, 08:05:07 UTC"' in shown


def test_a_time_long_ago_is_a_date() -> None:
    assert ">4 Mar 2020</time>" in times.ago(datetime(2020, 3, 4, tzinfo=UTC))


def test_the_time_until_is_shown_and_now_once_past(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert ">in 42 s</time>" in times.until(now + timedelta(seconds=42))
    assert ">now</time>" in times.until(now - timedelta(hours=1))
    assert times.until(None, "not scheduled") == "not scheduled"
    assert times.ago(None) == "never"
