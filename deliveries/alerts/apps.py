from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AlertsConfig(AppConfig):
    """Conditions that are watched, and the channels that are told."""

    name = "deliveries.alerts"
    label = "alerts"
    verbose_name = gettext_lazy("Alerts")
