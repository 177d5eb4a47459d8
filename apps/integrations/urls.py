"""Pages of integrations."""

from django.urls import path

from apps.integrations import app_views, custom_param_views, custom_views, doctor_views, views

app_name = "integrations"
urlpatterns = [
    path("plugins/", views.plugins, name="plugins"),
    path("plugins/<slug:slug>/", views.service, name="service"),
    path("plugins/<slug:slug>/app/", app_views.app, name="app"),
    path("plugins/<slug:slug>/app/test/", app_views.probe, name="test_app"),
    path("plugins/<slug:slug>/app/remove/", app_views.remove, name="remove_app"),
    path("custom-apis/", custom_views.listing, name="custom_apis"),
    path("custom-apis/new/", custom_views.new, name="custom_new"),
    path("custom-apis/<slug:slug>/", custom_views.overview, name="custom_overview"),
    path("custom-apis/<slug:slug>/authentication/", custom_views.authentication, name="custom_authentication"),
    path("custom-apis/<slug:slug>/add-parameter/", custom_param_views.new, name="custom_param_new"),
    path("custom-apis/<slug:slug>/parameters/<slug:name>/", custom_param_views.param, name="custom_param"),
    path("custom-apis/<slug:slug>/check/", doctor_views.check, name="custom_check"),
    path("custom-apis/<slug:slug>/register/", doctor_views.register, name="custom_register"),
    path("custom-apis/<slug:slug>/operations/", custom_views.operations, name="custom_operations"),
    path("custom-apis/<slug:slug>/redirect-uri/", custom_views.callback, name="custom_callback"),
    path("custom-apis/<slug:slug>/delete/", custom_views.delete, name="custom_delete"),
]
