"""The admin's site: a check fails when a list does not stand on ``StrictModelAdmin``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.checks import CheckMessage, Error
from django.http import Http404, HttpRequest
from unfold.sites import UnfoldAdminSite

from admin_base.lists import StrictModelAdmin


class RelayAdminSite(UnfoldAdminSite):
    """django-unfold's site, without the views that the product does not use."""

    def check(self, app_configs: Any) -> list[CheckMessage]:
        """Django's checks, and that every list here is a strict one."""
        loose = [
            Error(
                "Its list would answer any question of an address: derive it from "
                "admin_base.lists.StrictModelAdmin.",
                obj=type(model_admin),
                id="admin_base.E001",
            )
            for model_admin in self._registry.values()
            if not isinstance(model_admin, StrictModelAdmin)
        ]
        return [*super().check(app_configs), *loose]

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The side bar's search is not offered; it keeps its address from django-unfold."""
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> Any:
        """No form asks it. It would run a list's search for whoever may see the list."""
        raise Http404


def signed_in(request: HttpRequest) -> User:
    """Who asks: only somebody who is signed in gets to a page of the admin."""
    assert isinstance(request.user, User)
    return request.user
