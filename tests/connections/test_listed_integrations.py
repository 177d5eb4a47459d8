"""Which services the connections of others add to a member's lists."""

import pytest

from apps.connections.services.listed_integrations import services_of_visible
from tests import factories
from tests.connections.pages import make_connection, set_up_service, share
from tests.connections.rows import make_integration

pytestmark = pytest.mark.django_db


def test_services_are_those_of_connections_that_the_member_sees() -> None:
    me, mine = factories.make_member(), set_up_service()
    colleague, stranger = factories.make_member(me.team), factories.make_member()
    shared, personal, elsewhere = (make_integration(slug=slug, name=slug) for slug in ("shared", "personal", "far"))
    make_connection(me, mine)
    share(make_connection(colleague, shared, "Shared"))
    make_connection(colleague, personal, "Personal")
    share(make_connection(stranger, elsewhere, "Elsewhere"))
    assert set(services_of_visible(factories.actor_for(me))) == {mine, shared}
