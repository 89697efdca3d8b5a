"""The pages under "Two-factor authentication": a person's own, and switching off somebody
else's."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.models import TwoFactor
from accounts.sign_in import code_field, require_right_code
from accounts.two_factor import (
    app_url,
    find_two_factor,
    make_secret,
    renew_recovery_codes,
    turn_off,
    turn_on,
)
from accounts.two_factor_gate import mark_session
from admin_base.site import signed_in
from destinations.secrets import Secret, SecretUnreadable

NEW_SECRET = "new_two_factor_secret"
"""In a session: the encrypted secret of somebody who is setting it up."""


class SetUpForm(forms.Form):
    """One code, to show that the app knows the secret."""

    code = code_field()


class ConfirmForm(forms.Form):
    """Password and code, before anything about two-factor authentication is changed."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )
    code = code_field()

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if {"password", "code"} <= cleaned.keys():
            user = signed_in(self.request)
            if not user.check_password(cleaned["password"]):
                # Asked first: a wrong password must not use up a code. Counted all the same.
                cleaned["code"] = ""
            try:
                require_right_code(self.request, user, cleaned["code"])
            except ValidationError as error:
                if error.code == "throttled":
                    raise
                raise ValidationError(
                    gettext("Incorrect password or code, or the code was already used.")
                ) from None
        return cleaned


@sensitive_post_parameters("password", "code")
def own_view(request: HttpRequest) -> HttpResponse:
    """Whether it is on; off, or new recovery codes, for password and code."""
    two_factor = find_two_factor(request.user)
    form = ConfirmForm(request, request.POST if request.method == "POST" else None)
    if two_factor is not None and request.method == "POST" and form.is_valid():
        if request.POST.get("verb") == "renew":
            codes = renew_recovery_codes(signed_in(request).pk)
            _note(request, request.user, "New recovery codes created.")
            return _show_codes(request, codes)
        if request.POST.get("verb") == "off" and not settings.REQUIRE_TWO_FACTOR:
            turn_off(signed_in(request).pk)
            _note(request, request.user, "Two-factor authentication turned off.")
            messages.success(
                request,
                gettext(
                    "Two-factor authentication is off. You now sign in with your password only."
                ),
            )
            return HttpResponseRedirect(reverse("two_factor"))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Two-factor authentication"),
        "two_factor": two_factor,
        "left": len(two_factor.recovery_digests) if two_factor else 0,
        "form": form,
        "is_required": settings.REQUIRE_TWO_FACTOR,
    }
    return TemplateResponse(request, "admin/two_factor/own.html", context)


@sensitive_post_parameters("code")
def set_up_view(request: HttpRequest) -> HttpResponse:
    """The QR code and the secret; on, once a code proves that the app has it."""
    if find_two_factor(request.user) is not None:
        return HttpResponseRedirect(reverse("two_factor"))
    secret = _secret_of(request)
    form = SetUpForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        codes = turn_on(signed_in(request).pk, secret, form.cleaned_data["code"], timezone.now())
        if codes is not None:
            return _after_turning_on(request, codes)
        form.add_error(
            "code",
            gettext(
                "That code is incorrect. Enter the code the app shows now, and check "
                "that your phone's clock is right."
            ),
        )
    url = app_url(secret, request.user.get_username(), request.get_host())
    qr = segno.make(url, micro=False, error="m")
    context = {
        **admin.site.each_context(request),
        "title": gettext("Set up two-factor authentication"),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        # Dark on light, with the white border that the standard asks for.
        "qr_code": qr.svg_inline(light="#fff", omitsize=True),
        "form": form,
        "is_required": settings.REQUIRE_TWO_FACTOR,
    }
    return TemplateResponse(request, "admin/two_factor/set_up.html", context)


def switch_off_view(request: HttpRequest, user: User) -> HttpResponse:
    """The page on which an administrator helps somebody who lost the phone: ask, then turn it
    off."""
    url = reverse("admin:auth_user_change", args=[user.pk])
    if request.method == "POST":
        if turn_off(user.pk):
            _note(request, user, "Two-factor authentication turned off for this user.")
            messages.success(
                request,
                gettext("Two-factor authentication is off for “%(user)s”.")
                % {"user": user.get_username()},
            )
        return HttpResponseRedirect(url)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Turn off two-factor authentication"),
        "opts": User._meta,
        "original": user,
        "back_url": url,
        "is_on": TwoFactor.objects.filter(user=user).exists(),
        "is_required": settings.REQUIRE_TWO_FACTOR,
    }
    return TemplateResponse(request, "admin/two_factor/switch_off.html", context)


def _secret_of(request: HttpRequest) -> str:
    """The secret of this setting up: the same on every look, until it is turned on."""
    try:
        secret = Secret(request.session.get(NEW_SECRET, "")).reveal()
    except SecretUnreadable:
        secret = ""
    if not secret:
        secret = make_secret()
        request.session[NEW_SECRET] = Secret.seal(secret).ciphertext
    return secret


def _after_turning_on(request: HttpRequest, codes: list[str]) -> HttpResponse:
    request.session.pop(NEW_SECRET, None)
    request.session.cycle_key()
    mark_session(request, TwoFactor.objects.get(user=signed_in(request)))
    _note(request, request.user, "Two-factor authentication turned on.")
    return _show_codes(request, codes)


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The answer to a POST itself: these codes are on no page that could be opened again."""
    context = {
        **admin.site.each_context(request),
        "title": gettext("Your recovery codes"),
        "codes": codes,
    }
    return TemplateResponse(request, "admin/two_factor/codes.html", context)


def _note(request: HttpRequest, user: Any, message: str) -> None:
    """In the history, which is kept in English: who, whose, what; never a code."""
    LogEntry.objects.log_actions(
        signed_in(request).pk, [user], CHANGE, change_message=message, single_object=True
    )
