"""The permission table. Each route has a line; `tests/permissions/table.py` describes the format."""

from tests.permissions.table import read

ROWS = read("""
# Pages of apps.web
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    web:home                         | 302
GET    web:account                      | 200
POST   web:account                      | 200
GET    web:help                         | 200                              | 200                     | 200
GET    web:help_topic                   | 200                              | 200                     | 200
GET    web:troubleshooting              | 301                              | 301                     | 301
GET    web:llms                         | 200                              | 200                     | 200
GET    web:healthz                      | 200                              | 200                     | 200
GET    web:readyz                       | 200                              | 200                     | 200
GET    web:metrics                      | 401                              | 401                     | 401
# Teams, members, keys
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    teams:create                     | 200
POST   teams:create                     | 302
POST   teams:switch                     | 302 302 302 302 302 302 302 404
GET    teams:accept_invitation          | 200                              | 200                     | 200
POST   teams:accept_invitation          | 403
GET    teams:members                    | 200
POST   teams:members                    | 403 200 200 403 403 403 403 200
GET    teams:rename                     | 403 200 200 403 403 403 403 200
POST   teams:rename                     | 403 302 302 403 403 403 403 302
GET    teams:change_role                | 403 200 200 403 403 403 403 404
POST   teams:change_role                | 403 302 302 403 403 403 403 404
GET    teams:revoke_invitation          | 403 405 405 403 403 403 403 405
POST   teams:revoke_invitation          | 403 302 302 403 403 403 403 404
GET    teams:api_keys                   | 200
POST   teams:api_keys                   | 200
GET    teams:revoke_api_key             | 200 200 200 404 404 404 404 404
POST   teams:revoke_api_key             | 302 302 302 404 404 404 404 404
# Services and a team’s own OAuth apps
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    connections:plugins             | 200
GET    connections:service             | 200
POST   integrations:ask_for             | 403
GET    integrations:app                 | 403 200 200 403 403 403 403 200
POST   integrations:app                 | 403 200 200 403 403 403 403 200
POST   integrations:test_app            | 403 404 404 403 403 403 403 404
GET    integrations:remove_app          | 403 404 404 403 403 403 403 404
POST   integrations:remove_app          | 403 404 404 403 403 403 403 404
GET    integrations:custom_apis         | 200
GET    integrations:custom_new          | 403 200 200 403 403 403 403 200
POST   integrations:custom_new          | 403 200 200 403 403 403 403 200
GET    integrations:custom_overview     | 200 200 200 200 200 200 200 404
POST   integrations:custom_overview     | 403 302 302 403 403 403 403 404
GET    integrations:custom_authentication | 403 200 200 403 403 403 403 404
POST   integrations:custom_authentication | 403 200 200 403 403 403 403 404
GET    integrations:custom_operations   | 200 200 200 200 200 200 200 404
GET    integrations:custom_callback     | 403 200 200 403 403 403 403 404
POST   integrations:custom_callback     | 403 302 302 403 403 403 403 404
GET    integrations:custom_delete       | 403 200 200 403 403 403 403 404
POST   integrations:custom_delete       | 403 302 302 403 403 403 403 404
GET    integrations:custom_check        | 403 302 302 403 403 403 403 404
POST   integrations:custom_check        | 403 200 200 403 403 403 403 404
GET    integrations:custom_param_new    | 403 200 200 403 403 403 403 404
POST   integrations:custom_param_new    | 403 302 302 403 403 403 403 404
GET    integrations:custom_param        | 403 200 200 403 403 403 403 404
POST   integrations:custom_param        | 403 302 302 403 403 403 403 404
POST   integrations:custom_register     | 403 302 302 403 403 403 403 404
POST   integrations:custom_offline_access | 403 302 302 403 403 403 403 404
# Connections
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
POST   connections:connect              | 302
GET    connections:connect_key          | 409
POST   connections:connect_key          | 409
GET    connections:attempt              | 200 404 404 404 404 404 404 404
POST   connections:cancel               | 302 404 404 404 404 404 404 404
POST   connections:continue             | 302 404 404 404 404 404 404 404
POST   connections:decide               | 302 404 404 404 404 404 404 404
POST   connections:choose               | 302 404 404 404 404 404 404 404
GET    connections:callback             | 400                              | 400                     | 400
GET    connections:own_callback         | 400                              | 400                     | 400
GET    connections:nested_callback      | 400                              | 400                     | 400
GET    connections:list                 | 200
GET    gateway:try                  | 200
POST   gateway:try                  | 502 502 502 502 502 502 404 404
POST   connections:refresh_selected     | 302
POST   connections:first_steps          | 302
POST   connections:check_selected       | 200 200 200 200 200 200 302 302
POST   connections:share_selected       | 200 200 200 200 302 302 302 302
POST   connections:hand_over_selected   | 200 200 200 302 302 302 302 302
POST   connections:disconnect_selected  | 200 200 200 200 302 302 302 302
GET    connections:bulk_job             | 200 200 200 404 404 404 404 404
POST   connections:cancel_bulk_job      | 302 302 302 404 404 404 404 404
GET    connections:leave_team           | 200
POST   connections:leave_team           | 400 400 400 302 302 302 302 409
GET    connections:unneeded_access      | 403 200 200 403 403 403 403 200
GET    connections:remove_member        | 403 200 200 403 403 403 403 404
POST   connections:remove_member        | 403 302 302 403 403 403 403 404
GET    connections:delete_account       | 200
POST   connections:delete_account       | 400 400 400 302 302 302 302 302
GET    connections:credentials          | 200
GET    connections:expiring             | 200
GET    web:search                       | 200
GET    connections:connection           | 200 200 200 200 200 200 404 404
GET    connections:permissions          | 200 200 200 200 200 404 404 404
GET    connections:activity             | 200 200 200 200 200 404 404 404
# (Of built-in services, requests of failed operations.)
GET    connections:trace                | 200 200 200 200 403 403 404 404
GET    connections:rename               | 200 200 200 200 403 403 404 404
POST   connections:rename               | 302 302 302 302 403 403 404 404
GET    connections:sharing              | 200 200 200 200 200 404 404 404
POST   connections:sharing              | 302 302 302 302 403 404 404 404
GET    connections:hand_over            | 200 200 200 403 403 403 404 404
POST   connections:hand_over            | 302 302 302 403 403 403 404 404
POST   connections:refresh              | 302 302 302 302 403 403 404 404
POST   connections:check                | 302 302 302 302 302 302 404 404
POST   connections:ask                  | 403 403 403 403 403 403 404 404
POST   connections:ask_owner            | 403 403 403 403 403 403 403 404
POST   connections:key_end              | 302 302 302 302 403 403 404 404
POST   connections:reconnect            | 302 302 302 302 403 403 404 404
GET    connections:values               | 200 200 200 200 403 403 404 404
GET    connections:site                 | 404 404 404 404 403 403 404 404
POST   connections:site                 | 404 404 404 404 403 403 404 404
GET    connections:key                  | 409 409 409 409 403 403 404 404
POST   connections:key                  | 409 409 409 409 403 403 404 404
GET    connections:disconnect           | 200 200 200 200 403 403 404 404
POST   connections:disconnect           | 200 200 200 200 403 403 404 404
GET    connections:connect_link         | 200 403 403 403 403 403 403 403
POST   connections:connect_link         | 302 403 403 403 403 403 403 403
GET    connections:connect_done         | 200 404 404 404 404 404 404 404
GET    connections:api_trace            | 403 200 200 403 403 403 403 404
# The audit log
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    audit:list                       | 200
GET    audit:export                     | 404
# Notification preferences
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    notifications:preferences        | 200
POST   notifications:preferences        | 302
GET    notifications:notices            | 200
POST   notifications:notices            | 302
# Webhooks
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    notifications:webhooks           | 403 200 200 403 403 403 403 200
POST   notifications:webhooks           | 403 200 200 403 403 403 403 200
GET    notifications:webhook            | 403 200 200 403 403 403 403 404
POST   notifications:webhook            | 403 400 400 403 403 403 403 404
POST   notifications:rotate             | 403 200 200 403 403 403 403 404
POST   notifications:switch             | 403 302 302 403 403 403 403 404
POST   notifications:test               | 403 302 302 403 403 403 403 404
POST   notifications:replay             | 403 302 302 403 403 403 403 404
POST   notifications:redeliver          | 403 302 302 403 403 403 403 404
GET    notifications:delivery           | 403 200 200 403 403 403 403 404
GET    notifications:remove             | 403 200 200 403 403 403 403 404
POST   notifications:remove             | 403 302 302 403 403 403 403 404
# The REST API
#                                  owner boss admin manager viewer user member stranger | key read use token write audit
GET    api:me                           | 200                              | 200
GET    api:api_keys                     | 200                              | 200 200 403 403 403 403 403 403 403 403
POST   api:api_keys                     | 201                              | 201 403 403 403 403 403 403 403 403 403
DELETE api:api_key                      | 204 204 204 404 404 404 404 404  | 204 403 403 403 404 403 403 403 403 403
# (A personal key is rotated by its member alone, and each key by itself.)
GET    api:api_key                      | 200 200 200 404 404 404 404 404  | 200 404 404 404 404 404 404 404 404 404
POST   api:api_key_rotate               | 200 403 403 404 404 404 404 404  | 200 404 404 404 404 404 404 404 404 404
GET    api:integration_oauth_app        | 403 404 404 403 403 403 403 404  | 403 403 403 403 403 403 403 403 403 404
PUT    api:integration_oauth_app        | 403 200 200 403 403 403 403 200  | 403 403 403 403 403 403 403 403 403 200
DELETE api:integration_oauth_app        | 403 204 204 403 403 403 403 204  | 403 403 403 403 403 403 403 403 403 204
POST   api:integration_oauth_app_test   | 403 404 404 403 403 403 403 404  | 403 403 403 403 403 403 403 403 403 404
GET    api:integrations                 | 200                              | 200 200 403 403 403 403 403 403 403 403
GET    api:connections                  | 200                              | 200 200 403 403 403 403 403 403 403 403
POST   api:connections                  | 409                              | 409 403 403 403 409 403 403 403 403 403
GET    api:connection                   | 200 200 200 200 200 200 404 404  | 200 200 403 403 403 403 403 403 403 403
PATCH  api:connection                   | 200 200 200 200 403 403 404 404  | 200 403 403 403 200 403 403 403 403 403
DELETE api:connection                   | 200 200 200 200 403 403 404 404  | 200 403 403 403 200 403 403 403 403 403
POST   api:connection_token             | 200 403 403 403 403 403 404 404  | 200 403 403 200 403 403 403 403 403 403
POST   api:connection_refresh           | 503 503 503 503 503 503 404 404  | 503 403 503 403 403 403 403 403 403 403
POST   api:connection_check             | 200 200 200 200 200 200 404 404  | 200 403 200 403 403 403 403 403 403 403
POST   api:connections_check            | 200                              | 200 403 200 403 403 403 403 403 403 403
POST   api:tokens                       | 200                              | 200 403 403 200 403 403 403 403 403 403
POST   api:preflight                    | 200                              | 200 200 403 403 403 403 403 403 403 403
GET    api:connection_sharing           | 200 200 200 200 200 404 404 404  | 200 200 403 403 403 403 403 403 403 403
PUT    api:connection_sharing           | 200 200 200 200 403 403 404 404  | 200 403 403 403 200 403 403 403 403 403
GET    api:connection_workflows         | 200 200 200 200 200 404 404 404  | 200 200 403 403 403 403 403 403 403 403
GET    api:connection_usage             | 200 200 200 200 200 404 404 404  | 200 200 403 403 403 403 403 403 403 403
POST   api:integrations                 | 403 201 201 403 403 403 403 201  | 403 403 403 403 403 403 403 201 403 403
POST   api:integrations_import          | 403 400 400 403 403 403 403 400  | 403 403 403 403 403 403 403 400 403 403
GET    api:integration                  | 200 200 200 200 200 200 200 404  | 200 200 403 403 403 403 403 403 403 403
PATCH  api:integration                  | 403 200 200 403 403 403 403 404  | 403 403 403 403 403 403 403 200 403 403
DELETE api:integration                  | 403 204 204 403 403 403 403 404  | 403 403 403 403 403 403 403 204 403 403
POST   api:integration_check            | 403 200 200 403 403 403 403 404  | 403 403 403 403 403 403 403 200 403 403
GET    api:connection_proxy             | 502 502 502 502 502 502 404 404  | 502 403 502 403 403 403 403 403 403 403
POST   api:connection_proxy             | 502 502 502 502 502 502 404 404  | 502 403 502 403 403 403 403 403 403 403
PUT    api:connection_proxy             | 502 502 502 502 502 502 404 404  | 502 403 502 403 403 403 403 403 403 403
PATCH  api:connection_proxy             | 502 502 502 502 502 502 404 404  | 502 403 502 403 403 403 403 403 403 403
DELETE api:connection_proxy             | 502 502 502 502 502 502 404 404  | 502 403 502 403 403 403 403 403 403 403
POST   api:connect_sessions             | 201                              | 201 403 403 403 400 403 403 403 403 403
GET    api:connect_session              | 200 200 200 404 404 404 404 404  | 200 404 403 403 403 403 403 403 403 403
DELETE api:connect_session              | 200 200 200 404 404 404 404 404  | 200 403 403 403 404 403 403 403 403 403
# (With a key only; the key's scopes limit those of the token.)
POST   api:browser_tokens               | 403                              | 201 201 403 403 403 403 403 403 403 403
GET    api:bulk_jobs                    | 200                              | 200 200 403 403 403 403 403 403 403 403
POST   api:bulk_jobs                    | 202                              | 202 403 403 403 202 403 403 403 403 403
GET    api:bulk_job                     | 200 200 200 404 404 404 404 404  | 200 404 403 403 403 403 403 403 403 403
DELETE api:bulk_job                     | 200 200 200 404 404 404 404 404  | 200 403 403 403 404 403 403 403 403 403
GET    api:bulk_job_results             | 200 200 200 404 404 404 404 404  | 200 404 403 403 403 403 403 403 403 403
GET    api:usage                        | 200                              | 200 200 403 403 403 403 403 403 403 403
GET    api:members                      | 200                              | 200 403 403 403 403 403 200 403 403 403
GET    api:connect_sessions             | 200                              | 200 200 403 403 403 403 403 403 403 403
GET    api:audit_events                 | 200                              | 200 403 403 403 403 200 403 403 403 403
GET    api:webhooks                     | 403 200 200 403 403 403 403 200  | 403
POST   api:webhooks                     | 403 201 201 403 403 403 403 201  | 403 403 403 403 403 403 403 403 201 403
GET    api:webhook                      | 403 200 200 403 403 403 403 404  | 403
PATCH  api:webhook                      | 403 200 200 403 403 403 403 404  | 403 403 403 403 403 403 403 403 200 403
DELETE api:webhook                      | 403 204 204 403 403 403 403 404  | 403 403 403 403 403 403 403 403 204 403
GET    api:webhook_deliveries           | 403 200 200 403 403 403 403 404  | 403
POST   api:webhook_redeliver            | 403 202 202 403 403 403 403 404  | 403 403 403 403 403 403 403 403 202 403
POST   api:webhook_replay               | 403 202 202 403 403 403 403 404  | 403 403 403 403 403 403 403 403 202 403
POST   api:webhook_test                 | 403 202 202 403 403 403 403 404  | 403 403 403 403 403 403 403 403 202 403
GET    api:schema                       | 200                              | 200                     | 200
GET    api:docs                         | 200                              | 200                     | 200
""")
