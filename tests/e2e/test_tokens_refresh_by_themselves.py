"""Left alone, a connection stays fresh: one refresh for each token's life, with one beat or with two."""

from pathlib import Path

import pytest

from tests.e2e.cast import is_accepted, newcomer, refreshes_of
from tests.e2e.inside import inside
from tests.e2e.processes import running, wait_for
from tests.processes import running_product


@pytest.mark.xdist_group("e2e_alone")
def test_a_connection_left_alone_is_refreshed_once_per_token_also_with_a_second_beat(tmp_path: Path) -> None:
    with running_product(tmp_path, sandbox=True, access_token_seconds=12) as product, inside(product) as look:
        sandbox = product.sandbox
        assert sandbox is not None
        visitor = newcomer(product, look)
        connection, grant = visitor.connect()
        begin = look.token_set(connection)

        def version() -> int:
            return int(look.token_set(connection)["version"])

        wait_for(lambda: version() >= 3, seconds=90, why=product.logs)
        with running(product, "beat"):
            wait_for(lambda: version() >= 4, seconds=60, why=product.logs)
        token = visitor.make_key().token(connection).json()["access_token"]
        assert is_accepted(sandbox, token)
        now = look.token_set(connection)
        # Each refresh brought one version and each version took one refresh, whichever process requested it.
        assert refreshes_of(sandbox, grant) == ["ok"] * (now["version"] - begin["version"])
        assert now["next_refresh_at"] > begin["next_refresh_at"]
        assert (now["status"], now["reason"], now["failure_count"]) == ("active", "", 0)
        assert "Working" in visitor.get("/settings/integrations/").text
