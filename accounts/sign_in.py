"""Signing in: name and password, then a code for those who turned two-factor authentication on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.throttle import (
    ThrottledLoginForm,
    count_attempt,
    reset_attempts,
    too_many_attempts,
)
from accounts.two_factor import CodeCheck, check_code, find_two_factor
from accounts.two_factor_gate import mark_session

WAITING = "waiting_for_code"
"""In a session that nobody is signed in to: who gave the right password, and when."""
CODE_SECONDS = 300
FEW_RECOVERY_CODES = 3


class PasswordBackend(ModelBackend):
    """Django's own; a person comes with their second factor, so that no page asks twice."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> User | None:
        """By username or email address."""
        found = super().authenticate(request, _username_of(username), password, **fields)
        return found if isinstance(found, User) else None

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("two_factor").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


def _username_of(typed: str | None) -> str | None:
    """The username of whoever has this email address; else what was typed."""
    if not typed or "@" not in typed or User.objects.filter(username=typed).exists():
        return typed
    found = User.objects.filter(email__iexact=typed.strip()).values_list("username", flat=True)[:2]
    return found[0] if len(found) == 1 else typed


class SignInView(LoginView):
    """Name and password."""

    template_name = "admin/login.html"
    authentication_form = ThrottledLoginForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **admin.site.each_context(self.request),
            "title": gettext("Sign in"),
            "subtitle": None,
            "app_path": self.request.get_full_path(),
            "username": self.request.user.get_username(),
        }

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if find_two_factor(user) is None:
            return super().form_valid(form)
        self.request.session[WAITING] = {
            "user": user.pk,
            "password": user.get_session_auth_hash(),
            "at": time.time(),
        }
        query = urlencode({self.redirect_field_name: self.get_success_url()})
        return HttpResponseRedirect(f"{reverse('login_code')}?{query}")


def code_field(**attributes: Any) -> forms.CharField:
    """Where a code is typed; phones and password managers offer it by themselves."""
    return forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                **attributes,
            }
        ),
    )


class CodeForm(forms.Form):
    """One code: of the app, or a recovery code. Its words do not tell how near it was."""

    code = code_field(autofocus=True)

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_code(self) -> str:
        require_right_code(self.request, self.user, self.cleaned_data["code"])
        return str(self.cleaned_data["code"])


def require_right_code(request: HttpRequest, user: User, code: str) -> None:
    """Use up a code. Raises ValidationError for a wrong one, and after too many attempts."""
    count_attempt(request, user.get_username())
    checked = check_code(user.pk, code, timezone.now())
    if checked is CodeCheck.TOO_MANY:
        raise too_many_attempts()
    if checked is CodeCheck.WRONG:
        raise ValidationError(
            gettext(
                "That code is incorrect or already used. Wait for the next one, or use a "
                "recovery code."
            )
        )
    reset_attempts(request, user.get_username())


if TYPE_CHECKING:
    _CodeFormView = FormView[CodeForm]
else:  # Django's takes no arguments
    _CodeFormView = FormView


@method_decorator(sensitive_post_parameters("code"), name="dispatch")
@method_decorator(csrf_protect, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class CodeView(RedirectURLMixin, _CodeFormView):
    """The code, for somebody whose password was right. Until it is right nobody is signed in."""

    template_name = "admin/login_code.html"
    form_class = CodeForm
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.user = _find_waiting(request)
        if self.user is None:
            if request.session.pop(WAITING, None):
                messages.info(request, gettext("Your sign-in expired. Sign in again."))
            return HttpResponseRedirect(reverse("admin:login"))
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request, "user": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **admin.site.each_context(self.request),
            "title": gettext("Two-factor authentication"),
            "app_path": self.request.get_full_path(),
        }

    def form_valid(self, form: CodeForm) -> HttpResponse:
        url = self.get_success_url()
        self.request.session.pop(WAITING, None)
        login(self.request, self.user)
        assert self.user is not None  # or nobody would have got past dispatch
        two_factor = find_two_factor(User.objects.get(pk=self.user.pk))
        if two_factor is not None:
            mark_session(self.request, two_factor)
            _warn_of_few(self.request, len(two_factor.recovery_digests))
        return HttpResponseRedirect(url)


def _find_waiting(request: HttpRequest) -> User | None:
    """Who gave the right password here not long ago, if it is still theirs."""
    waiting = request.session.get(WAITING)
    if not waiting or time.time() - waiting["at"] > CODE_SECONDS:
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True, is_staff=True).first()
    if user is None or find_two_factor(user) is None:
        return None
    is_same = constant_time_compare(user.get_session_auth_hash(), waiting["password"])
    return user if is_same else None


def _warn_of_few(request: HttpRequest, left: int) -> None:
    if left <= FEW_RECOVERY_CODES:
        messages.warning(
            request,
            ngettext(
                "%(count)s recovery code left. Create new ones under “Two-factor authentication”.",
                "%(count)s recovery codes left. Create new ones under “Two-factor authentication”.",
                left,
            )
            % {"count": left},
        )
