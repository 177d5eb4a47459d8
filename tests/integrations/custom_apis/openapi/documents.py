"""Descriptions of made-up products, each in the style in which well-known ones publish theirs."""

import json
from typing import Any

FINE: dict[str, Any] = {"responses": {"200": {"description": "Fine"}}}

PETSTORE_2: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Pet shop", "version": "1.0.6"},
    "host": "petshop.example",
    "basePath": "/v2",
    "schemes": ["https", "http"],
    "securityDefinitions": {
        "api_key": {"type": "apiKey", "name": "api_key", "in": "header"},
        "shop_auth": {
            "type": "oauth2",
            "flow": "implicit",
            "authorizationUrl": "https://petshop.example/oauth/authorize",
            "scopes": {"read:pets": "read your pets", "write:pets": "modify pets in your account"},
        },
    },
    "paths": {
        "/pet": {"post": {**FINE, "summary": "Add a pet", "security": [{"shop_auth": ["write:pets", "read:pets"]}]}},
        "/pet/{petId}": {"get": {**FINE, "summary": "Find a pet", "security": [{"api_key": []}]}},
    },
}

PETSTORE_30 = b"""
openapi: 3.0.3
info:
  title: Pet shop 3
  version: 1.0.11
servers:
  - url: https://petshop3.example/api/v3
paths:
  /pet/{petId}:
    get:
      summary: Find a pet
      security:
        - api_key: []
        - shop_auth: [write:pets, read:pets]
      responses: {"200": {description: Fine}}
components:
  securitySchemes:
    shop_auth:
      type: oauth2
      flows:
        authorizationCode:
          authorizationUrl: https://petshop3.example/oauth/authorize
          tokenUrl: https://petshop3.example/oauth/token
          refreshUrl: https://petshop3.example/oauth/refresh
          scopes:
            write:pets: modify pets in your account
            read:pets: read your pets
    api_key: {type: apiKey, name: api_key, in: header}
"""

PETSTORE_31: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pet shop 3.1", "version": "1", "summary": "Pets, modern"},
    "servers": [{"url": "/api/v31"}],
    "paths": {"/pet": {"$ref": "#/components/pathItems/Pet"}},
    "components": {
        "pathItems": {"Pet": {"get": {"operationId": "listPets"}}},
        "securitySchemes": {"mtls": {"type": "mutualTLS"}, "pets": {"$ref": "#/components/securitySchemes/key"},
                            "key": {"type": "apiKey", "in": "query", "name": "key"}},
    },
}  # fmt: skip

# Forge: 900 operations, a token or a user name, as forges do.
FORGE: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Forge v3 REST API", "version": "1.1.4"},
    "servers": [{"url": "https://api.forge.example"}],
    "paths": {
        f"/repos/{{owner}}/{{repo}}/things-{n}": {
            method: {"summary": f"{method} thing {n}", "operationId": f"things/{method}-{n}", **FINE}
            for method in ("get", "post", "delete")
        }
        for n in range(310)
    },
}

EVERY_SCHEME: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Everything", "version": "1"},
    "servers": [{"url": "https://api.everything.example"}],
    "paths": {"/me": {"get": FINE}},
    "components": {
        "securitySchemes": {
            "inHeader": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "inQuery": {"type": "apiKey", "in": "query", "name": "key"},
            "inCookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
            "basic": {"type": "http", "scheme": "basic"},
            "bearer": {"type": "http", "scheme": "Bearer", "bearerFormat": "JWT"},
            "digest": {"type": "http", "scheme": "digest"},
            "machine": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "https://login.everything.example/token", "scopes": {"jobs:run": "Run jobs"}}}},
            "person": {"type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": "https://login.everything.example/authorize",
                "tokenUrl": "https://login.everything.example/token", "scopes": {}}}},
            "password": {"type": "oauth2", "flows": {"password": {
                "tokenUrl": "https://login.everything.example/token", "scopes": {}}}},
            "oidc": {"type": "openIdConnect",
                     "openIdConnectUrl": "https://id.everything.example/.well-known/openid-configuration"},
            "tls": {"type": "mutualTLS"},
        }
    },
}  # fmt: skip

OPEN_ID: dict[str, Any] = {
    "openapi": "3.0.1",
    "info": {"title": "Ledger", "version": "1"},
    "servers": [{"url": "https://api.ledger.example/v1"}],
    "paths": {"/entries": {"get": FINE}},
    "components": {"securitySchemes": {"sso": {
        "type": "openIdConnect",
        "openIdConnectUrl": "https://id.ledger.example/realms/main/.well-known/openid-configuration"}}},
}  # fmt: skip

# Payments: a secret key as a user name, or as a bearer token.
PAYMENTS: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Payments API", "version": "2024-06-20", "description": "The Payments REST API.\nSee the site."},
    "servers": [{"url": "https://api.payments.example/"}],
    "security": [{"basicAuth": []}, {"bearerAuth": []}],
    "paths": {"/v1/charges": {"get": {**FINE, "summary": "List charges"},
                              "post": {**FINE, "summary": "Create a charge"}}},
    "components": {"securitySchemes": {
        "basicAuth": {"type": "http", "scheme": "basic"}, "bearerAuth": {"type": "http", "scheme": "bearer"}}},
}  # fmt: skip

# Chat: Swagger 2 with the access code flow.
CHAT: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Chat Web API", "version": "1.7.0"},
    "host": "chat.example",
    "basePath": "/api",
    "schemes": ["https"],
    "securityDefinitions": {"chatAuth": {
        "type": "oauth2", "flow": "accessCode",
        "authorizationUrl": "https://chat.example/oauth/authorize",
        "tokenUrl": "https://chat.example/api/oauth.access",
        "scopes": {"channels:read": "Access information about public channels", "admin": "Administer a workspace"}}},
    "paths": {"/chat.postMessage": {"post": {**FINE, "security": [{"chatAuth": ["chat:write:bot"]}]}}},
}  # fmt: skip

# Office: scopes that are addresses.
OFFICE: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Office Drive API", "version": "v3"},
    "servers": [{"url": "https://www.officeapis.example/drive/v3"}],
    "paths": {"/files": {"get": {**FINE, "security": [
        {"Oauth2": ["https://www.officeapis.example/auth/drive.readonly"], "Oauth2c": []}]}}},
    "components": {"securitySchemes": {
        "Oauth2": {"type": "oauth2", "flows": {"authorizationCode": {
            "authorizationUrl": "https://accounts.office.example/o/oauth2/auth",
            "tokenUrl": "https://accounts.office.example/o/oauth2/token",
            "scopes": {"https://www.officeapis.example/auth/drive": "See, edit and delete all your files",
                       "https://www.officeapis.example/auth/drive.readonly": "See all your files"}}}}}},
}  # fmt: skip

# Desk: an address for each customer.
DESK: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Support API", "version": "2.0.0"},
    "servers": [{"url": "https://{subdomain}.{domain}.example/api/{version}", "variables": {
        "subdomain": {"default": "example", "description": "Your account"},
        "domain": {"default": "desk", "enum": ["desk", "desk-eu"]},
        "version": {"default": "v2"}}}],
    "paths": {"/api/v2/tickets": {"get": FINE}},
    "components": {"securitySchemes": {"basicAuth": {"type": "http", "scheme": "basic"}}},
}  # fmt: skip


def as_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
