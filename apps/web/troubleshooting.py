"""The sections of the help page by anchor; every error's `help` names one. The text is in its template."""

SECTIONS = (
    ("callback", "Callback URL of this installation"),
    ("token-expired", "Token expired or revoked"),
    ("insufficient-permissions", "Insufficient permissions"),
    ("connection-failed", "Connection failed"),
    ("popup-blocked", "Popup blocked"),
    ("authorization-failed", "Authorization failed"),
    ("wrong-account", "Different account"),
    ("redirect-uri-mismatch", "Redirect URI mismatch"),
    ("not-set-up", "Not set up yet"),
    ("oauth-app-refused", "OAuth app rejected"),
    ("unreadable-secret", "Secret cannot be read"),
    ("invalid-api-key", "Invalid API key"),
    ("values-missing", "A value is missing"),
    ("unauthorized", "Unauthorized"),
    ("rate-limited", "Rate limited"),
    ("connection-refused", "Connection refused"),
    ("timeout", "Timeout"),
    ("sandbox", "Testing failures"),
)
