"""A connection to a service of the test's own, and keys for it: code for `Inside.run`, and the token that it stores."""

SET_UP = """
from datetime import timedelta
from django.utils import timezone
from apps.connections.models import Connection, TokenSet
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.teams.models import ApiKey, Membership
from apps.teams import keys
ensure_oauth_app(integration_slug="sandbox", client_id="us", client_secret="c" * 32, params={"origin": origin})
member = Membership.objects.select_related("team", "user").order_by("created_at").first()
now = timezone.now()
connection = Connection.objects.create(
    team=member.team, owner=member.user, integration=Integration.objects.get(slug="sandbox"), name="Upstream",
    oauth_app=Integration.objects.get(slug="sandbox").oauth_apps.get(), status_changed_at=now, created_at=now,
)
row = TokenSet(connection=connection, team=member.team, obtained_at=now, expires_at=now + timedelta(hours=1))
row.access_token, row.refresh_token = token, "refresh-token-of-the-connection"
row.client_key = connection.oauth_app.client_key
row.save(force_insert=True)
made = []
for scopes in (["connections:use"], ["connections:use", "connections:token"]):
    text = keys.generate()
    ApiKey.objects.create(
        team=member.team, user=member.user, kind="personal", name="e2e", prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret), scopes=scopes,
    )
    made.append(text.reveal())
answer = [str(connection.pk), *made]
"""
TOKEN = "first-token-that-is-never-shown"
