"""The database goes away between the service's answer and the commit: the new refresh token is not lost."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as project
from django.db import connection as database

from apps.connections.services import spool
from apps.connections.services.disconnect import disconnect
from tests.authserver import AuthServer
from tests.faults.conftest import Scene, database_url
from tests.faults.postgresql import Cluster, Relay, running_cluster
from tests.faults.processes import Crew, wait_until
from tests.fixtures.connections import actions, make_due

on_postgresql = pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has no connection to cut")


@pytest.fixture
def relay(crew: Crew) -> Iterator[Relay]:
    own = database.settings_dict
    relay = Relay(own["HOST"], int(own["PORT"]))
    crew.env["DATABASE_URL"] = database_url().replace(f":{own['PORT']}/", f":{relay.port}/")
    yield relay
    relay.cut()


def lose_database(scene: Scene, relay: Relay) -> None:
    """A refresh whose answer is there, and whose database then stays away until the process gives up."""
    scene.rotate("strict")
    scene.expire()
    child = scene.reader(at="after_answer=wait", times={"COMMIT_RETRIES": 1})
    child.reached("after_answer")
    relay.cut()
    child.go_on("after_answer")
    assert child.result()["error"] == "service_unavailable"
    assert scene.row.version == 1


@on_postgresql
def test_a_short_absence_is_waited_out(scene: Scene, relay: Relay) -> None:
    scene.rotate("strict")
    scene.expire()
    child = scene.reader(at="after_answer=wait")
    child.reached("after_answer")
    relay.cut()
    relay.mend()
    child.go_on("after_answer")
    assert scene.server.knows(child.result()["token"])
    assert scene.row.version == 2
    assert list(spool.folder().glob("*.json")) == []
    scene.server.journal.check()


@on_postgresql
def test_a_long_absence_leaves_ciphertext_in_a_private_file_that_the_next_one_replays(
    scene: Scene, relay: Relay
) -> None:
    lose_database(scene, relay)
    [waiting] = spool.folder().glob("*.json")
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    scene.look_for_secrets()
    assert "ciphertext" in json.loads(waiting.read_text())["values"]["refresh_token"]
    assert "token" in scene.read(), "the reader looks into the spool before it tries a refresh token in doubt"
    assert scene.row.version == 2
    assert len(scene.server.journal.refreshes) == 1
    assert list(spool.folder().glob("*.json")) == []
    scene.server.journal.check()


@on_postgresql
def test_the_scheduler_replays_the_spool(scene: Scene, relay: Relay) -> None:
    lose_database(scene, relay)
    relay.mend()
    make_due(scene.connection)
    scene.crew.start("manage.py", "refresh_due").ended()
    assert scene.row.version == 2
    assert len(scene.server.journal.refreshes) == 1
    assert list(spool.folder().glob("*.json")) == []
    scene.server.journal.check()


@on_postgresql
def test_the_loop_outlives_an_absence(scene: Scene, relay: Relay) -> None:
    scene.rotate("strict")
    relay.cut()
    loop = scene.crew.start("manage.py", "refresh_due", "--loop", "--every", "0.2")
    wait_until(lambda: "The database is unavailable" in loop.log, what="a round without a database")
    scene.expire()
    relay.mend()
    wait_until(lambda: scene.row.version == 2, what="a refresh after the absence")
    scene.server.journal.check()


@on_postgresql
def test_a_disconnect_revokes_the_grant_whose_token_waits(scene: Scene, relay: Relay) -> None:
    lose_database(scene, relay)
    [family] = scene.server.grants.families
    family.used.clear()
    disconnect(actor=scene.cast.actor("member"), connection=scene.connection)
    assert family.revoked
    assert list(spool.folder().glob("*.json")) == []


@pytest.mark.loses_a_token  # the later version of the test's has no tokens of its own
@on_postgresql
def test_what_waits_too_long_is_discarded_by_its_version(scene: Scene, relay: Relay) -> None:
    lose_database(scene, relay)
    type(scene.row).objects.update(version=7)
    assert spool.replay() == 1
    assert scene.row.version == 7
    assert "connection.refreshed" not in actions()


CONNECT = """
import json
from django.db import connection as database
from tests.connections.rows import make_connection, make_integration
from tests.factories import make_member
origin, client_id, client_secret, refresh_token = json.loads(input())
database.cursor().execute("TRUNCATE integrations_integration CASCADE")  # of the test before
integration = make_integration(origin)
oauth_app = integration.oauth_apps.get()
oauth_app.client_id, oauth_app.client_secret = client_id, client_secret
oauth_app.save()
owner = make_member()
connection = make_connection(integration, owner)
row = connection.token_set
row.refresh_token = refresh_token
row.save()
print(json.dumps([str(connection.pk), str(owner.pk)]))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL of these tests' own, migrated."""
    with running_cluster() as running:
        folder = tmp_path_factory.mktemp("migrate")
        crew = Crew.on(folder, database_url=running.url, spool=str(folder / "spool"), allowed_host="127.0.0.1")
        try:
            assert crew.start("manage.py", "migrate", "-v", "0").ended() == 0
        finally:
            crew.end()
        yield running


@pytest.mark.needs_postgresql_programs
@pytest.mark.xdist_group("faults_cluster")
@pytest.mark.parametrize("away_for_long", [False, True])
def test_postgresql_is_restarted_between_answer_and_commit(
    server: AuthServer, cluster: Cluster, tmp_path: Path, settings: Any, away_for_long: bool
) -> None:
    form = {"grant_type": "authorization_code", "code": server.code_for(scopes=["profile"])}
    given = json.loads(server.token(form, server._basic()).body)
    known = [server.url, server.client_id, server.client_secret, given["refresh_token"]]
    crew = Crew.on(
        tmp_path / "crew",
        database_url=cluster.url,
        spool=project.SPOOL_DIR,
        allowed_host=server.url.removeprefix("http://"),
    )
    try:
        connection, owner = crew.ask("manage.py", "shell", "-v", "0", "-c", CONNECT, said=json.dumps(known))
        read = ("-m", "tests.faults.child", "read", connection, owner)
        child = crew.start(*read, at="after_answer=wait", times={"COMMIT_RETRIES": 1 if away_for_long else 15})
        child.reached("after_answer")
        cluster.stop()
        child.go_on("after_answer")
        if away_for_long:
            assert child.result()["error"] == "service_unavailable"
        cluster.start()
        if not away_for_long:
            assert server.knows(child.result()["token"])
        assert server.knows(crew.start(*read).result()["token"])
        stored = "SELECT version, unresolved_sends FROM connections_tokenset WHERE connection_id = %s"
        with psycopg.connect(cluster.url) as look:
            assert look.execute(stored, [connection]).fetchall() == [(2, 0)]
    finally:
        crew.end()
    assert len(server.journal.refreshes) == 1
    assert not list(spool.folder().glob("*.json"))
    server.journal.check()
