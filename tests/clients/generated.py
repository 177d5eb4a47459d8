"""The day with the client that openapi-python-client makes of the document (in a folder on PYTHONPATH)."""

import json
import os
import sys
import time

from specway_api import AuthenticatedClient
from specway_api.api.connect_sessions import connect_sessions_create, connect_sessions_retrieve
from specway_api.api.connections import (
    connections_disconnect,
    connections_proxy_get,
    connections_proxy_post_4,
    connections_token,
)
from specway_api.api.preflight import preflight
from specway_api.api.webhooks import webhooks_create
from specway_api.models import (
    ConnectionsProxyPost4JsonBody,
    EventsEnum,
    LevelEnum,
    NewConnectSessionRequest,
    NewWebhookRequest,
    PreflightItemRequestRequest,
    PreflightRequestRequest,
    SessionSharingRequest,
    TokenRequestRequest,
)

api = AuthenticatedClient(os.environ["SPECWAY_URL"], token=os.environ["SPECWAY_API_KEY"])


def say(**result: object) -> None:
    sys.stdout.write(json.dumps(result, default=str) + "\n")
    sys.stdout.flush()


hook = webhooks_create.sync(
    client=api,
    body=NewWebhookRequest(url=os.environ["HOOKS"], events=[EventsEnum("connect_session.connected")]),
)
sharing = SessionSharingRequest(level=LevelEnum("manage"))
wanted = NewConnectSessionRequest(integration="sandbox", member=os.environ["OWNER"], sharing=sharing)
link = connect_sessions_create.sync(client=api, body=wanted)
say(url=link.url, session=link.id, secret=hook.secret)

while (session := connect_sessions_retrieve.sync(link.id, client=api)).status == "pending":
    time.sleep(0.1)
connection = session.connection
token = connections_token.sync(connection, client=api, body=TokenRequestRequest(min_ttl=60))
me = connections_proxy_get.sync_detailed(connection, "me", client=api)
issue = connections_proxy_post_4.sync_detailed(
    os.environ["GITHUB"],
    "repos",
    "octo",
    "hello",
    "issues",
    client=api,
    body=ConnectionsProxyPost4JsonBody.from_dict({"title": "Hi"}),
)
needs = PreflightRequestRequest(connections=[PreflightItemRequestRequest(connection=connection)])
usable = preflight.sync(client=api, body=needs).usable
disconnected = connections_disconnect.sync(connection, client=api)
say(
    status=session.status,
    connection=connection,
    token=token.access_token,
    me=json.loads(me.content),
    issue=json.loads(issue.content),
    usable=usable,
    disconnected=disconnected.to_dict(),
)
