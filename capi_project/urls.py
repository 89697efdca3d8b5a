"""Where each path leads. ``URL_PREFIX`` puts all of it below one folder."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path, reverse
from django.views.generic import RedirectView

from accounts.link_pages import choose_view, forgot_view
from accounts.sign_in import CodeView, SignInView
from accounts.two_factor_pages import own_view, set_up_view
from capi_project.documentation import documentation
from deliveries.admin.people_page import people_view
from deliveries.admin.status_page import status_view

admin.autodiscover()
handler500 = "capi_project.error_pages.server_error"


def former_button(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Sends a POST on, body and all, to the destination's own pages."""
    if verb not in ("pause", "resume"):
        raise Http404
    url = reverse(f"admin:destinations_destination_{verb}", args=[pk])
    return HttpResponseRedirect(url, preserve_request=True)


pages: list[Any] = [
    path("", include("deliveries.ingest.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    # As it was called before: a page that somebody left open posts there.
    path("admin/deliveries/delivery/destination/<int:pk>/<str:verb>/", former_button),
    path("admin/login/", SignInView.as_view()),  # found first; its name is admin:login
    path("admin/password/choose/", choose_view, name="choose_password"),
    path("admin/password/forgot/", forgot_view, name="admin_password_reset"),  # for the login page
    path("admin/login/code/", CodeView.as_view(), name="login_code"),
    path(
        "admin/documentation/<slug:name>/",
        admin.site.admin_view(documentation),
        name="documentation",
    ),
    path("admin/", include("deliveries.admin.alert_urls")),
    path("admin/status/", admin.site.admin_view(status_view), name="status"),
    path("admin/people/", admin.site.admin_view(people_view), name="people"),
    path("admin/two-factor/", admin.site.admin_view(own_view), name="two_factor"),
    path("admin/two-factor/set-up/", admin.site.admin_view(set_up_view), name="two_factor_set_up"),
    path("admin/", admin.site.urls),
]
urlpatterns = [path(f"{settings.URL_PREFIX}/", include(pages))] if settings.URL_PREFIX else pages
