"""Pages of webhooks and of mail preferences."""

from django.urls import path

from apps.notifications import notice_views, views

app_name = "notifications"
urlpatterns = [
    path("account/notifications/", views.preferences, name="preferences"),
    path("notifications/", notice_views.notices, name="notices"),
    path("settings/webhooks/", views.listing, name="webhooks"),
    path("settings/webhooks/<uuid:pk>/", views.webhook, name="webhook"),
    path("settings/webhooks/<uuid:pk>/secret/", views.rotate, name="rotate"),
    path("settings/webhooks/<uuid:pk>/switch/", views.switch, name="switch"),
    path("settings/webhooks/<uuid:pk>/test/", views.test, name="test"),
    path("settings/webhooks/<uuid:pk>/deliveries/<slug:delivery_id>/", views.redeliver, name="redeliver"),
    path("settings/webhooks/<uuid:pk>/deliveries/<slug:delivery_id>/row/", views.delivery_row, name="delivery"),
    path("settings/webhooks/<uuid:pk>/replay/", views.replay, name="replay"),
    path("settings/webhooks/<uuid:pk>/remove/", views.remove, name="remove"),
]
