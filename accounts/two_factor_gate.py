"""No page of the admin for a session that lacks the second factor of its person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import TwoFactor
from accounts.two_factor import find_two_factor

SESSION_MARK = "two_factor"
"""In a session: under which TwoFactor row it was shown that the person is who they are."""

SIGNING_IN = frozenset({"login", "login_code", "logout"})
SETTING_UP = frozenset({"two_factor", "two_factor_set_up", "jsi18n"})
"""All that a person without it reaches where REQUIRE_TWO_FACTOR is set."""


def mark_session(request: HttpRequest, two_factor: TwoFactor) -> None:
    """This session has shown the second factor; turning it off and on again asks again."""
    request.session[SESSION_MARK] = two_factor.pk


class TwoFactorGate:
    """Looks at the pages of the admin only: nothing else asks who somebody is.

    Turning two-factor authentication on ends the person's other sessions here: they lack the mark.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.path.startswith(reverse("admin:index")):
            return None
        page = request.resolver_match.url_name if request.resolver_match else ""
        if page in SIGNING_IN or not request.user.is_authenticated:
            return None
        two_factor = find_two_factor(request.user)
        if two_factor is not None:
            if request.session.get(SESSION_MARK) == two_factor.pk:
                return None
            logout(request)
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if settings.REQUIRE_TWO_FACTOR and request.user.is_staff and page not in SETTING_UP:
            return HttpResponseRedirect(reverse("two_factor_set_up"))
        return None
