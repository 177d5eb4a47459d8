"""Requests of people that a service be set up."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.integrations.models.integration import Integration
from apps.teams.models import Team, User


class ServiceRequest(models.Model):
    """A member asks that an OAuth app be added for a service. `answered_at` is when it could be connected."""

    integration = models.ForeignKey(
        Integration, verbose_name=_("integration"), on_delete=models.CASCADE, related_name="requests"
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    note = models.CharField(_("note"), max_length=200, blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "team", "user"], name="one_request_per_service_and_person")
        ]
        verbose_name = _("request for a service")
        verbose_name_plural = _("requests for services")

    def __str__(self) -> str:
        return f"{self.integration} for {self.user}"
