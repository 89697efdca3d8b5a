"""Users and groups, in the look of the rest of the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, gettext_lazy
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm

from accounts.history import HistoryAdmin
from accounts.link_pages import FRESH, link_view
from accounts.links import email_link, sends_email
from accounts.permission_choices import TickedChoices
from accounts.two_factor import find_two_factor
from accounts.two_factor_pages import switch_off_view
from accounts.user_forms import InviteForm, PersonForm
from admin_base.lists import StrictModelAdmin
from deliveries.phrases import show_time
from destinations.badges import show_badge
from destinations.pausing import AUTHOR

__all__ = ["GroupAdmin", "HistoryAdmin", "UserAdmin"]

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
else:  # Django's takes no arguments
    _UserAdmin = DjangoUserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


# In Django lookup_allowed works without a request as well, in its types it doesn't.
@admin.register(User)
class UserAdmin(TickedChoices, _UserAdmin, StrictModelAdmin):  # type: ignore[misc]
    """Who stands in the history is not deleted, because the history would go with them."""

    form = PersonForm
    add_form = InviteForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "shown_person",
        "shown_groups",
        "shown_state",
        "shown_two_factor",
        "shown_last_login",
    )
    list_filter = ()
    list_select_related = ("two_factor",)
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = (
        *("shown_link", "shown_switch", "shown_deleting", "last_login", "date_joined"),
        *("shown_person", "shown_groups", "shown_state", "shown_two_factor"),
    )
    warn_unsaved_form = True
    add_fieldsets = ((None, {"fields": ("email", "name", "role")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people = super().get_queryset(request).exclude(username=AUTHOR)
        return people.prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        if not self.has_change_permission(request, obj):
            shown = ("shown_person", "shown_groups", "shown_state", "shown_two_factor")
            return ((None, {"fields": (*shown, "last_login", "date_joined")}),)
        # Who has several roles keeps them: they are ticked.
        role = "role" if len(obj.groups.all()[:2]) < 2 else "groups"
        return (
            (None, {"fields": ("email", "name", role, "is_active")}),
            (
                gettext_lazy("Sign-in and deletion"),
                {"fields": ("shown_link", "shown_switch", "shown_deleting")},
            ),
            (
                gettext_lazy("Advanced"),
                {
                    "classes": ("collapse",),
                    "fields": (
                        "username",
                        "password",
                        "is_superuser",
                        "user_permissions",
                        "last_login",
                        "date_joined",
                    ),
                },
            ),
        )

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "is_active" in form.base_fields:
            form.base_fields["is_active"].help_text = gettext(
                "May sign in. Clear this instead of deleting a user."
            )
        if "role" not in flatten_fieldsets(self.get_fieldsets(request, obj)):
            form.base_fields.pop("role", None)  # declared, and so there in any case
        return form

    def save_related(
        self, request: HttpRequest, form: ModelForm[User], formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        if "role" in form.cleaned_data and "role" in form.changed_data:
            role = form.cleaned_data["role"]
            form.instance.groups.set([role] if role else [])

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Next comes the link with which the new user chooses a password."""
        if {"_addanother", "_popup"} & request.POST.keys():
            return super().response_add(request, obj, post_url_continue)
        request.session[FRESH] = obj.pk
        if sends_email():
            email_link(obj, get_language() or "en")
            messages.success(
                request, gettext("The link was sent to %(email)s.") % {"email": obj.email}
            )
        return HttpResponseRedirect(reverse("admin:auth_user_link", args=[obj.pk]))

    def link_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if pk == request.user.pk:
            return HttpResponseRedirect(reverse("admin:password_change"))
        return link_view(self, request, get_object_or_404(User, pk=pk))

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/link/",
                self.admin_site.admin_view(self.link_view),
                name="auth_user_link",
            ),
            path(
                "<int:pk>/two-factor-off/",
                self.admin_site.admin_view(self.two_factor_off_view),
                name="auth_user_two_factor_off",
            ),
            *super().get_urls(),
        ]

    def two_factor_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if pk == request.user.pk:  # one's own takes password and code
            return HttpResponseRedirect(reverse("two_factor"))
        return switch_off_view(request, get_object_or_404(User, pk=pk))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user = self.get_object(request, object_id)
        if isinstance(user, User) and stands_in_history(user):
            if not super().has_delete_permission(request, user):
                raise PermissionDenied
            messages.error(request, _say_why_kept(user))
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[user.pk]))
        return super().delete_view(request, object_id, extra_context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one only: each is looked at for its history."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (isinstance(obj, User) and stands_in_history(obj))

    @display(description=gettext_lazy("User"), ordering="username")
    def shown_person(self, user: User) -> SafeString:
        name = user.get_full_name()
        under = [text for text in (user.get_username(), user.email) if text not in ("", name)]
        return format_html(
            '{}<small class="relay-under">{}</small>',
            name or user.get_username(),
            " · ".join(dict.fromkeys(under if name else under[1:])),
        )

    @display(description=gettext_lazy("Role"))
    def shown_groups(self, user: User) -> str:
        roles = [gettext("Superuser")] if user.is_superuser else []
        return ", ".join([*roles, *(group.name for group in user.groups.all())]) or "–"

    @display(description=gettext_lazy("State"))
    def shown_state(self, user: User) -> SafeString:
        if not (user.is_active and user.is_staff):
            return show_badge("discarded", "block", gettext("Can't sign in"))
        if not user.has_usable_password():
            return show_badge("pending", "mail", gettext("Invited"))
        return show_badge("delivered", "check_circle", gettext("Active"))

    @display(description=gettext_lazy("Password"))
    def shown_link(self, user: User) -> SafeString:
        said = (
            gettext("A password is set.")
            if user.has_usable_password()
            else gettext("Invited; no password is set yet.")
        )
        return format_html(
            '{} <a class="relay-link" href="{}">{}</a>',
            said,
            reverse("admin:auth_user_link", args=[user.pk]),
            gettext("Link to choose a password …"),
        )

    @display(description=gettext_lazy("Two-factor authentication"))
    def shown_two_factor(self, user: User) -> SafeString:
        if find_two_factor(user) is None:
            return show_badge("discarded", "lock_open", gettext("Off"))
        return show_badge("delivered", "lock", gettext("On"))

    @display(description=gettext_lazy("Two-factor authentication"))
    def shown_switch(self, user: User) -> SafeString:
        if find_two_factor(user) is None:
            return self.shown_two_factor(user)
        return format_html(
            '{} <a class="relay-link" href="{}">{}</a>',
            self.shown_two_factor(user),
            reverse("admin:auth_user_two_factor_off", args=[user.pk]),
            gettext("Turn it off …"),
        )

    @display(description=gettext_lazy("Last signed in"), ordering="last_login")
    def shown_last_login(self, user: User) -> SafeString | str:
        return show_time(user.last_login) if user.last_login else gettext("never")

    @display(description=gettext_lazy("Deletion"))
    def shown_deleting(self, user: User) -> str:
        if stands_in_history(user):
            return _say_why_kept(user)
        return gettext("Can be deleted: the history doesn't refer to this user.")


# As above: formfield_for_manytomany.
@admin.register(Group)
class GroupAdmin(TickedChoices, DjangoGroupAdmin, StrictModelAdmin):  # type: ignore[misc]
    list_display = ("name", "shown_users")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("user_set")

    @display(description=gettext_lazy("Users"))
    def shown_users(self, group: Group) -> str:
        names = sorted(user.get_username() for user in group.user_set.all())
        return ", ".join(names) or "–"


def stands_in_history(user: User) -> bool:
    """Whether an entry of the history is by this user."""
    return LogEntry.objects.filter(user_id=user.pk).exists()


def _say_why_kept(user: User) -> str:
    return gettext(
        "“%(user)s” can't be deleted because the history refers to them. Clear “Active” "
        "to block sign-in."
    ) % {"user": user.get_username()}
