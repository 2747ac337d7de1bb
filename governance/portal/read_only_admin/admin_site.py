"""Read-only admin: staff can look at rows, and nobody can change them (H1).

It shows all models of our apps to staff who may read the ledger. It has no add, change, delete or action. Free texts
and rendered mails are hidden: their own pages show them.
"""

from typing import Any, NoReturn

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator

from governance.core.access import Actor, Permission, access

#: Apps with visible models.
VISIBLE_APPS = ("controls", "inventory", "approvals", "recertification")

#: Hidden: typed texts, rendered mails, and secrets for signing in.
HIDDEN_MODELS = frozenset({"controls.freetext"})
HIDDEN_FIELDS = frozenset({"password", "secret_digest", "text", "html", "key", "raw", "session_data", "sealed_url"})


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows and refuses every write, also for superusers."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
    view_on_site = False
    list_select_related = False

    def _refuse(self, *args: Any, **kwargs: Any) -> bool:
        """Refuse additions, changes and deletions."""
        return False

    has_add_permission = has_change_permission = has_delete_permission = _refuse

    def _may_look(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Allow staff who may read the ledger; superusers get no exception."""
        return may_look(request)

    has_view_permission = has_module_permission = _may_look

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """All fields except hidden ones."""
        return [field.name for field in self.model._meta.get_fields() if _shown(field)]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The first plain columns: relations would cost a query for each row."""
        columns = [field.name for field in self.model._meta.concrete_fields if _shown(field) and not field.is_relation]
        return columns[:6]


def _shown(field: Any) -> bool:
    return bool(field.concrete and not field.auto_created and field.name not in HIDDEN_FIELDS)


def may_look(request: HttpRequest) -> bool:
    """Whether the reader is active staff and may read the ledger.

    The index asks for each model. The actor remembers its roles.
    """
    actor: Actor | None = getattr(request, "actor", None)
    if not actor or actor.person is None or not actor.person.is_here or not actor.person.is_staff:
        return False
    return access.may(actor, Permission.LEDGER_READ, None, now=access.read_at(actor))


class ReadOnlySite(admin.AdminSite):
    """The admin site; others are sent to the portal's sign-in."""

    site_header = site_title = "Countersign, read-only"
    index_title = "Rows as they stand"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """See `may_look`."""
        return may_look(request)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the portal's sign-in; 404 for signed-in people without the right."""
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(reverse("admin:index"), reverse("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a redirect will do
        """Redirect to the portal's sign-out."""
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        """Answer 404: the admin changes nothing."""
        raise Http404

    password_change_done = password_change


def mount() -> ReadOnlySite:
    """Build a site with all concrete models of our apps, histories included."""
    site = ReadOnlySite(name="admin")
    for label in VISIBLE_APPS:
        for model in apps.get_app_config(label).get_models(include_auto_created=False):
            if model._meta.label_lower not in HIDDEN_MODELS and not model._meta.swapped:
                site.register(model, ReadOnlyAdmin)
    return site
