"""The pages of links to choose a password: create one, ask for one, use one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminEmailInputWidget

from accounts.links import LINK_HOURS, email_link, link_for, sends_email, user_with
from accounts.throttle import count_attempt, reset_attempts
from accounts.user_forms import ChoosePasswordForm

FRESH = "fresh_link"
"""In an administrator's session: whose link the next page shows. The link itself is stored
nowhere."""


class AskForm(forms.Form):
    """Whose password was forgotten."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "username"}),
    )


@never_cache
@csrf_protect
def forgot_view(request: HttpRequest) -> HttpResponse:
    """Emails a link. The answer is the same whether anybody has this address."""
    form = AskForm(request.POST if request.method == "POST" else None)
    asked = False
    if request.method == "POST" and sends_email() and form.is_valid():
        email = form.cleaned_data["email"].strip()
        try:
            count_attempt(request, email)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            asked = True
            for user in User.objects.filter(email__iexact=email, is_active=True, is_staff=True)[:2]:
                email_link(user, get_language() or "en")
    context = {
        **admin.site.each_context(request),
        "title": gettext("Forgot your password?"),
        "form": form,
        "asked": asked,
        "sends_email": sends_email(),
        "hours": LINK_HOURS,
    }
    return TemplateResponse(request, "admin/forgot_password.html", context)


@sensitive_post_parameters()
@never_cache
@csrf_protect
def choose_view(request: HttpRequest) -> HttpResponse:
    """Takes the secret of a link and a password. Without scripts the secret is typed."""
    form, key, is_over = ChoosePasswordForm(User()), "", False
    if request.method == "POST":
        key = next((text for text in reversed(request.POST.getlist("key")) if text), "")
        with transaction.atomic():
            user = user_with(key, lock=True)
            is_over = user is None
            if user is not None:
                form = ChoosePasswordForm(user, request.POST)
                if form.is_valid():
                    form.save()
                    reset_attempts(request, user.get_username())
                    messages.success(
                        request,
                        gettext("Your password is set. Sign in as %(name)s.")
                        % {"name": user.get_username()},
                    )
                    return HttpResponseRedirect(reverse("admin:login"))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Choose your password"),
        "form": form,
        "key": key,
        "is_over": is_over,
    }
    return TemplateResponse(request, "admin/choose_password.html", context)


def link_view(model_admin: Any, request: HttpRequest, user: User) -> HttpResponse:
    """Offers to create a link for a user, or shows the one that was just asked for."""
    own_page = reverse("admin:auth_user_link", args=[user.pk])
    if request.method == "POST":
        if request.POST.get("do") == "email" and sends_email() and user.email:
            email_link(user, get_language() or "en")
            model_admin.log_change(request, user, "Emailed a link to choose a password.")
            messages.success(
                request,
                gettext("The link was sent to %(email)s.") % {"email": user.email},
            )
        elif user.is_active:
            model_admin.log_change(request, user, "Created a link to choose a password.")
            request.session[FRESH] = user.pk
        return HttpResponseRedirect(own_page)
    is_fresh = request.session.pop(FRESH, None) == user.pk and user.is_active
    context = {
        **admin.site.each_context(request),
        "title": gettext("Link to choose a password"),
        "opts": model_admin.opts,
        "original": user,
        "is_new": not user.has_usable_password(),
        "link": link_for(user, _base_url(request)) if is_fresh else "",
        "may_email": sends_email() and bool(user.email),
        "hours": LINK_HOURS,
    }
    return TemplateResponse(request, "admin/auth/user/link.html", context)


def _base_url(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
