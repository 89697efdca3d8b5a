# Unlike Django's types, these classes take no arguments: they don't when the program runs.
from typing import Any

from django.contrib.admin import ModelAdmin as BaseModelAdmin
from django.contrib.admin import TabularInline as BaseTabularInline
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponseRedirect

class ModelAdmin(BaseModelAdmin[Any]):
    # Django's own, which its types leave out.
    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Options[Any], object_id: str
    ) -> HttpResponseRedirect: ...

class TabularInline(BaseTabularInline[Any, Any]): ...
