"""Services of every kind beside OAuth 2.0 with consent, as catalog files whose address a test fills in."""

from pathlib import Path

HEAD = """
name = "{name}"
category = "other"
description = "Made for tests"
kind = "{kind}"

[metadata]
checked = "vendor"
evidence = ["https://example.com/docs"]

[api]
base_url = "{{origin}}/api"
headers = {{ X-Version = "7" }}

[[params]]
name = "origin"
label = "Origin"
pattern = 'http://127\\.0\\.0\\.1:[0-9]{{1,5}}'
example = "http://127.0.0.1:8100"
source = "{source}"
"""

VERIFICATION = """
[verification]
url = "{origin}/api/me"
subject_path = "id"
label_paths = ["nickname", "name"]
"""

FILES = {
    "keyed": HEAD.format(name="Keyed", kind="api_key", source="user")
    + VERIFICATION
    + """
limited_statuses = [403]
limited_check = { path = "code", equals = "restricted" }
success_check = { path = "ok", equals = true }

[api_key]
headers = { Authorization = "Token {api_key}", X-Account = "{account}" }
query = { region = "{region}" }

[[fields]]
name = "account"
label = "Account"
secret = false
pattern = "[a-z]{2,20}"
hint = "Lower case letters."

[[fields]]
name = "region"
label = "Region"
secret = false

[[fields]]
name = "api_key"
label = "API key"
""",
    "several-hosts": HEAD.format(name="Several hosts", kind="api_key", source="user")
    + """
[[params]]
name = "uploads"
label = "Uploads"
pattern = 'http://127\\.0\\.0\\.1:[0-9]{1,5}'
example = "http://127.0.0.1:8101"
source = "user"

[[hosts]]
name = "uploads"
base_url = "{uploads}/upload"
label = "Uploads"

[[hosts]]
name = "admin"
base_url = "{origin}/admin"
label = "Administration"

[api_key]
headers = { Authorization = "Token {api_key}" }

[[fields]]
name = "api_key"
label = "API key"
""",
    "unverifiable": HEAD.format(name="Unverifiable", kind="api_key", source="user")
    + """
[api_key]
path = "/bot{api_key}"

[[fields]]
name = "api_key"
label = "Bot token"
pattern = "[A-Za-z0-9_-]{10,80}"
""",
    "basic": HEAD.format(name="Basic", kind="basic", source="user")
    + VERIFICATION
    + """
[basic]
username = "{email}"
password = "{password}"

[[fields]]
name = "email"
label = "E-mail"
secret = false

[[fields]]
name = "password"
label = "Password"
""",
    "machine": HEAD.format(name="Machine", kind="oauth2_client_credentials", source="user")
    + VERIFICATION
    + """
[client_credentials]
token_url = "{origin}/o/token/"
token_endpoint_auth_method = "client_secret_basic"
token_params = { audience = "{origin}/api" }

[[fields]]
name = "client_id"
label = "Client ID"
secret = false

[[fields]]
name = "client_secret"
label = "Client secret"

[[scopes]]
name = "read"
description = "Read"
access = "read"
default = true
""",
    "signed": HEAD.format(name="Signed", kind="oauth1", source="client")
    + VERIFICATION
    + """
[oauth1]
request_token_url = "{origin}/request"
authorization_url = "{origin}/authorize"
access_token_url = "{origin}/access"
scope_parameter = "perms"
scope_is_one = true
authorization_params = { name = "Specway" }

[[scopes]]
name = "look"
description = "Look"
access = "read"
default = true

[[scopes]]
name = "touch"
description = "Touch"
access = "write"
""",
}


def write_catalog(folder: Path) -> None:
    """The files of all of them."""
    for slug, text in FILES.items():
        (folder / f"{slug}.toml").write_text(text, encoding="utf-8")
