"""Routes of the REST API that belong to webhooks."""

from django.urls import path

from apps.notifications import api

urlpatterns = [
    path("webhooks/", api.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<uuid:pk>/", api.WebhookView.as_view(), name="webhook"),
    path("webhooks/<uuid:pk>/deliveries/", api.DeliveriesView.as_view(), name="webhook_deliveries"),
    path(
        "webhooks/<uuid:pk>/deliveries/<slug:delivery_id>/redeliver/",
        api.RedeliveryView.as_view(),
        name="webhook_redeliver",
    ),
    path("webhooks/<uuid:pk>/replay/", api.ReplayView.as_view(), name="webhook_replay"),
    path("webhooks/<uuid:pk>/test/", api.WebhookTestView.as_view(), name="webhook_test"),
]
