"""The service's own words for a refusal show wherever the status shows."""

import pytest
from django.urls import reverse

from apps.connections.models import Connection
from apps.connections.services.attention_mail import _digest, _problem
from apps.connections.services.eligibility import eligibility_of
from apps.connections.services.status import mark_needs_attention
from apps.connections.views.rows import row_of
from tests.factories import client_for
from tests.fixtures.connections import SYSTEM, Cast

pytestmark = pytest.mark.django_db
WORDS = "The consent ended <on> Sunday"


@pytest.fixture
def refused(connection: Connection) -> Connection:
    mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM, service_message=WORDS)
    return Connection.objects.with_details().get(pk=connection.pk)


def test_rows_choices_and_mails_have_the_services_words(refused: Connection, cast: Cast) -> None:
    actor = cast.actor("member")
    mails = (_problem(refused), _digest([refused, refused]))
    texts = [
        row_of(actor, refused).why,
        eligibility_of(actor, refused).why,
        " ".join(mails[0].paragraphs),
        " ".join(mails[1].items),
    ]
    assert [WORDS in text for text in texts] == [True] * 4


@pytest.mark.parametrize("page", ["list", "connection"])
def test_pages_show_them_escaped(refused: Connection, cast: Cast, page: str) -> None:
    arguments = [] if page == "list" else [refused.pk]
    html = client_for(cast.member).get(reverse(f"connections:{page}", args=arguments)).content.decode()
    assert "The consent ended &lt;on&gt; Sunday" in html
    assert WORDS not in html
