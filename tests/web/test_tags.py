"""Template tags: their output, and that arguments are escaped."""

import re

import pytest
from django import forms
from django.template import Context, Template

from apps.web import logos
from apps.web.icons import ICONS
from apps.web.templatetags import specway

# In one test process: importing the package of logos takes seconds beside all that is imported there.
READS_PACKAGE = pytest.mark.xdist_group("logos")
EVIL = '<script>alert("x")</script>'


def rendered(source: str, **context: object) -> str:
    return Template("{% load specway %}" + source).render(Context(context))


def test_a_known_service_has_its_logo_in_its_color() -> None:
    tile = specway.tile("GitHub", "github")
    assert 'fill="#181717"' in tile
    assert "<path" in tile
    assert "<text" not in tile


@READS_PACKAGE
@pytest.mark.parametrize("slug", ["", None, "no-such-brand", "names", "__class__", "../etc"])
def test_an_unknown_service_gets_a_monogram(slug: str | None) -> None:
    tile = specway.tile("warehouse API", slug)
    assert '<text x="16" y="22">W</text>' in tile


def test_a_monograms_color_depends_on_the_name() -> None:
    assert specway.tile("Carrier Hub") == specway.tile("Carrier Hub")
    assert logos.monogram_color("Carrier Hub") == logos.monogram_color("CARRIER HUB")
    assert len({logos.monogram_color(f"service {n}") for n in range(50)}) > 40


def test_every_monogram_is_readable() -> None:
    colors = {logos.monogram_color(f"service {n}") for n in range(2000)}
    assert min(logos.contrast("#ffffff", color) for color in colors) >= 4.5


def test_a_logo_on_a_light_brand_color_is_dark() -> None:
    assert logos.readable_on("#ffe01b") == logos.INK
    assert logos.readable_on("#181717") == logos.WHITE


def test_a_name_without_letters_still_has_a_monogram() -> None:
    assert ">?</text>" in specway.tile("---")
    assert ">?</text>" in specway.tile("")


def test_no_tag_needs_an_inline_style() -> None:
    parts = [specway.tile("GitHub", "github"), specway.tile("X"), specway.mark(), *map(specway.icon, ICONS)]
    assert "style=" not in "".join(parts)


def test_arguments_of_tags_are_escaped() -> None:
    shown = rendered(
        "{% tile evil evil %}{% status 'bad' evil evil %}{% avatar evil %}{% icon 'x' evil %}{% ago None evil %}",
        evil=EVIL,
    )
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_a_status_has_icon_label_and_reason() -> None:
    shown = specway.status("bad", "Needs attention", "Slack no longer accepts this connection")
    assert "<svg" in shown
    assert "Needs attention</span> · Slack no longer accepts this connection" in shown
    assert " · " not in specway.status("good", "Active")


def test_an_unknown_status_or_access_raises() -> None:
    with pytest.raises(ValueError, match="one of good, bad, warn, idle"):
        specway.status("green", "Active")
    with pytest.raises(ValueError, match="one of read, write, admin"):
        specway.access_badge("owner")


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Mara Lindqvist", "ML"), ("Mara von der Aue", "MA"), ("mara@fernhill.example", "MF"), ("Kwame", "K"), ("", "?")],
)
def test_an_avatar_shows_first_and_last_initial(name: str, initials: str) -> None:
    assert f">{initials}</span>" in specway.avatar(name)


class CodeForm(forms.Form):
    code = forms.CharField(help_text="From the app.")
    note = forms.CharField(widget=forms.Textarea, required=False)
    kind = forms.ChoiceField(choices=[("a", "A")], required=False)
    keep = forms.BooleanField(required=False)


def test_a_field_references_its_hint_and_error() -> None:
    shown = rendered('{% field form.code label="Code" %}', form=CodeForm({"code": ""}))
    described = re.search(r'<input[^>]*aria-describedby="([^"]+)"', shown)
    assert described
    for part in described.group(1).split():
        assert f'id="{part}"' in shown
    assert len(described.group(1).split()) == 2
    assert 'aria-invalid="true"' in shown
    assert '<label for="id_code">Code</label>' in shown


def test_a_field_has_the_class_of_its_widget_and_extra_attributes() -> None:
    shown = rendered(
        '{% field form.code class="input--mono" inputmode="numeric" data_x="1" autofocus=no %}{% field form.note %}'
        "{% field form.kind %}{% field form.keep %}",
        form=CodeForm(),
        no=False,
    )
    assert 'class="input--mono input"' in shown
    assert 'inputmode="numeric"' in shown
    assert 'data-x="1"' in shown
    assert "autofocus" not in shown
    assert 'class="textarea"' in shown
    assert 'class="select"' in shown
    assert '<div class="check">' in shown


def test_an_invalid_value_is_shown_again_escaped() -> None:
    shown = rendered("{% field form.kind %}{% field form.note %}", form=CodeForm({"kind": EVIL, "note": EVIL}))
    assert "<script" not in shown


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on macOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown program"),
    ],
)
def test_a_user_agent_has_a_readable_label(agent: str, words: str) -> None:
    assert specway.browser(agent) == words


def test_compact_removes_the_indents_of_templates_but_no_spaces_between_words() -> None:
    inside = "\n  <p\n     class='a'\n  >two\n   words</p>\n  <b>{{ x }}</b>\n"
    source = "{% load specway %}{% compact %}" + inside + "{% endcompact %}"
    rendered = Template(source).render(Context({"x": "<i> & more"}))
    assert rendered.strip() == "<p class='a'>two words</p><b>&lt;i&gt; &amp; more</b>"


@READS_PACKAGE
def test_logos_are_read_from_a_file_once_they_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    logos.logo.cache_clear()
    logos._stored.cache_clear()
    drawn = logos.logo("github")
    assert drawn is not None
    assert logos.logo("no-such-logo") is None

    def unwanted(slugs: object) -> dict[str, list[str] | None]:
        raise AssertionError(f"The package was read for {slugs}.")

    monkeypatch.setattr(logos, "from_package", unwanted)
    # As in another process.
    logos.logo.cache_clear()
    logos._stored.cache_clear()
    assert logos.logo("github") == drawn
    assert logos.logo("no-such-logo") is None


@READS_PACKAGE
def test_an_unreadable_file_of_logos_is_replaced() -> None:
    logos._file().parent.mkdir(parents=True, exist_ok=True)
    logos._file().write_text("{")
    logos.logo.cache_clear()
    logos._stored.cache_clear()
    assert logos.logo("github")
    assert "github" in logos._file().read_text()
