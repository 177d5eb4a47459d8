"""Help: a page for each topic, search by words, and links that lead to topics."""

import re

import pytest
from django.test import Client

from apps.connections.models import Connection
from apps.web.troubleshooting import SECTIONS, search_topics, topics
from tests.connections.pages import make_connection, make_red, set_up_service
from tests.factories import client_for, make_member, make_user

pytestmark = pytest.mark.django_db


def test_topics_are_found_by_words_of_title_and_text(visitor: Client) -> None:
    found = [topic.slug for topic in search_topics("EGRESS_ALLOWED_HOSTS")]
    assert found == ["connection-refused"]
    assert search_topics("redirect uri")[0].slug == "redirect-uri-mismatch"
    assert search_topics("no such word anywhere") == []
    assert search_topics("  ") == []
    page = visitor.get("/help/", {"q": "secret decrypt"}).content.decode()
    assert "1 topic with “secret decrypt”" in page
    assert 'href="/help/unreadable-secret/"' in page
    assert "No topic has these words" in visitor.get("/help/", {"q": "xyzzy"}).content.decode()


def test_an_excerpt_is_of_the_first_paragraph_only() -> None:
    excerpt = topics()["popup-blocked"].excerpt
    assert excerpt == "Your browser prevented Specway from opening the service’s page in a new window."
    assert topics()["token-expired"].excerpt.startswith("Specway refreshes tokens")  # not the status above it


def test_what_was_searched_is_escaped(visitor: Client) -> None:
    page = visitor.get("/help/", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("slug", [slug for slug, _ in SECTIONS])
def test_links_of_a_topic_lead_to_pages(slug: str, visitor: Client) -> None:
    page = visitor.get(f"/help/{slug}/").content.decode()
    article = page.partition("<article")[2].partition("</article>")[0]
    assert len(article) > 100
    for link in re.findall(r'href="(/[^"]+)"', article):
        assert visitor.get(link).status_code == 200
    assert 'href="#' not in article


def test_an_unknown_topic_is_not_found(visitor: Client) -> None:
    assert visitor.get("/help/no-such-topic/").status_code == 404


def test_a_topic_begins_with_the_readers_own_connections_that_have_the_problem(visitor: Client) -> None:
    mara, service = make_member(), set_up_service()
    ines = make_member(mara.team, user=make_user("Ines"))
    for owner, name in ((mara, "Northwind"), (mara, "Fine"), (ines, "Of somebody else")):
        make_connection(owner, service, name)
    for connection in Connection.objects.exclude(name="Fine"):
        make_red(connection)
    page = client_for(mara).get("/help/token-expired/").content.decode()
    assert "Your connections with this problem" in page
    assert "Northwind" in page
    assert "Fine" not in page
    assert "Of somebody else" not in page
    for other in (client_for(mara).get("/help/rate-limited/"), visitor.get("/help/token-expired/")):
        assert "Your connections with this problem" not in other.content.decode()
