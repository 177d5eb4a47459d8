"""Pages of integrations."""

from django.urls import path

from apps.integrations.custom_apis import callback_views, param_views
from apps.integrations.custom_apis import views as custom_apis
from apps.integrations.custom_apis.doctor import views as doctor
from apps.integrations.oauth_apps import views as oauth_apps

app_name = "integrations"
urlpatterns = [
    path("plugins/<slug:slug>/app/", oauth_apps.app, name="app"),
    path("plugins/<slug:slug>/ask/", oauth_apps.ask, name="ask_for"),
    path("plugins/<slug:slug>/app/test/", oauth_apps.probe, name="test_app"),
    path("plugins/<slug:slug>/app/remove/", oauth_apps.remove, name="remove_app"),
    path("custom-apis/", custom_apis.listing, name="custom_apis"),
    path("custom-apis/new/", custom_apis.new, name="custom_new"),
    path("custom-apis/<slug:slug>/", custom_apis.overview, name="custom_overview"),
    path("custom-apis/<slug:slug>/authentication/", custom_apis.authentication, name="custom_authentication"),
    path("custom-apis/<slug:slug>/add-parameter/", param_views.new, name="custom_param_new"),
    path("custom-apis/<slug:slug>/parameters/<slug:name>/", param_views.param, name="custom_param"),
    path("custom-apis/<slug:slug>/check/", doctor.check, name="custom_check"),
    path("custom-apis/<slug:slug>/register/", doctor.register, name="custom_register"),
    path("custom-apis/<slug:slug>/offline-access/", doctor.offline_access, name="custom_offline_access"),
    path("custom-apis/<slug:slug>/operations/", custom_apis.operations, name="custom_operations"),
    path("custom-apis/<slug:slug>/redirect-uri/", callback_views.callback, name="custom_callback"),
    path("custom-apis/<slug:slug>/delete/", custom_apis.delete, name="custom_delete"),
]
