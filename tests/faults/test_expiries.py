"""As many token calls as expiries, however many processes want the token. tests/bench/expiries.py is the long run."""

from tests.faults.conftest import Scene
from tests.faults.expiries import Readers, expire_and_read


def test_every_expiry_costs_one_token_call_and_everybody_gets_the_new_token(scene: Scene) -> None:
    scene.rotate("strict")
    readers = Readers.start(scene.crew, 4, connection=str(scene.connection.pk), owner=str(scene.cast.member.pk))
    try:
        wrong = expire_and_read(readers, expiries=20, expire=scene.expire, knows=scene.server.knows)
    finally:
        readers.end()
    assert wrong == []
    assert len(scene.server.journal.refreshes) == 20
    assert scene.row.version == 21
    scene.server.journal.check()
