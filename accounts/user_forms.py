"""The forms behind users: email, name and role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext, gettext_lazy
from unfold.forms import UserChangeForm
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.roles import ROLES

MAX_NAME = 150
"""Of Django's columns for names; an email address is a username, too."""

if TYPE_CHECKING:
    _Form = forms.ModelForm[User]
    _SetPasswordForm = SetPasswordForm[User]
else:  # Django's take no arguments
    _Form = forms.ModelForm
    _SetPasswordForm = SetPasswordForm


def roles() -> QuerySet[Group]:
    """Every group: those of a new installation first, then others by name."""
    order = [When(name=name, then=Value(place)) for place, name in enumerate(ROLES)]
    place = Case(*order, default=Value(len(ROLES)), output_field=IntegerField())
    return Group.objects.order_by(place, "name")


def _email_field(**options: Any) -> forms.EmailField:
    return forms.EmailField(
        label=gettext_lazy("Email"),
        max_length=MAX_NAME,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
        **options,
    )


def _name_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Name"),
        max_length=MAX_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


def _role_field(**options: Any) -> forms.ModelChoiceField[Group]:
    return forms.ModelChoiceField(
        label=gettext_lazy("Role"),
        queryset=roles(),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "A viewer sees the log without personal data. An operator also retries, discards and "
            "pauses. An administrator does everything, and sees personal data."
        ),
        **options,
    )


def _offer_roles(field: Any) -> None:
    """Those that there are now."""
    field.queryset = roles()


class InviteForm(_Form):
    """A new user, who signs in with the email address; the password is chosen by a link."""

    email = _email_field()
    name = _name_field()
    role = _role_field(empty_label=None)

    class Meta:
        model = User
        fields = ("email",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_roles(self.fields["role"])

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].strip().lower()
        if User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
            raise ValidationError(gettext("There is a user with this email address."))
        return str(email)

    def save(self, commit: bool = True) -> User:
        user = self.instance
        user.username = user.email = self.cleaned_data["email"]
        user.first_name = self.cleaned_data["name"].strip()
        user.is_staff = True
        user.set_unusable_password()
        saved: User = super().save(commit)
        return saved


class PersonForm(UserChangeForm):
    """A user; ``is_active`` alone says whether the user may sign in."""

    email = _email_field(required=False)
    name = _name_field()
    role = _role_field(required=False, empty_label=gettext_lazy("No role"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = self.instance.get_full_name()
        if not self.instance.is_staff:
            self.initial["is_active"] = False
        if "role" in self.fields:
            _offer_roles(self.fields["role"])
            self.initial["role"] = self.instance.groups.values_list("pk", flat=True).first()

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip()
        others = User.objects.exclude(pk=self.instance.pk)
        if email and others.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
            raise ValidationError(gettext("There is a user with this email address."))
        return email

    def save(self, commit: bool = True) -> User:
        if "name" in self.changed_data:
            self.instance.first_name, self.instance.last_name = self.cleaned_data["name"], ""
        if self.instance.is_active:
            self.instance.is_staff = True
        saved: User = super().save(commit)
        return saved


class ChoosePasswordForm(_SetPasswordForm):
    """A password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(INPUT_CLASSES)
