from django.apps import AppConfig


class CapiProjectConfig(AppConfig):
    """What is about the whole: how it looks, who may do what, signing in."""

    name = "capi_project"
    verbose_name = "CAPI Relay"

    def ready(self) -> None:
        from capi_project import sessions  # noqa: F401 (connects its receiver)
