"""Routes of the REST API that belong to the audit log."""

from django.urls import path

from apps.audit import api

urlpatterns = [path("audit-events/", api.AuditEventsView.as_view(), name="audit_events")]
