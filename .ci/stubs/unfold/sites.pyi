from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse

class UnfoldAdminSite(AdminSite):
    def search(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse: ...
