from django.apps import AppConfig


class DeliveriesConfig(AppConfig):
    """The queue of what is owed to Pinterest, and its log."""

    name = "deliveries"
    verbose_name = "What happened"
