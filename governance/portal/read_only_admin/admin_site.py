"""The admin, read-only for everybody: the commonest way around the rules is closed, and looking is still easy (H1).

Every model of our own apps is shown, by a staff member who may read the ledger; nothing is added, changed or deleted, no action
is offered. Free texts and rendered mails are left out: they are read where they belong, by whom they concern.
"""

from __future__ import annotations

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

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.models import Person
from governance.core.roles.roles import Permission

#: Apps of which every concrete model is shown.
OURS = ("controls", "inventory", "approvals", "recertification")

#: What is read elsewhere or by nobody: texts that people typed, rendered mails, and whatever could sign somebody in.
HIDDEN_MODELS = frozenset({"controls.freetext"})
HIDDEN_FIELDS = frozenset({"password", "secret_digest", "text", "html", "key", "raw", "session_data", "sealed_url"})


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows and refuses every write to everybody, superusers included."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
    view_on_site = False
    list_select_related = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody changes here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody deletes here."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Staff who may read the ledger look; being a superuser is no reason."""
        return may_look(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As for each row."""
        return may_look(request)

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """Every field but those that are read elsewhere."""
        return [field.name for field in self.model._meta.get_fields() if _shown(field)]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The first few plain columns: relations would cost a query a row."""
        columns = [field.name for field in self.model._meta.concrete_fields if _shown(field) and not field.is_relation]
        return columns[:6]


def _shown(field: Any) -> bool:
    return bool(field.concrete and not field.auto_created and field.name not in HIDDEN_FIELDS)


def may_look(request: HttpRequest) -> bool:
    """Whether the reader is active staff and may read the ledger. Asked once a request: the index asks it for each model."""
    known: bool | None = request.__dict__.get("_may_look")
    if known is None:
        known = request.__dict__["_may_look"] = _may_look(request.user)
    return known


def _may_look(user: object) -> bool:
    if not isinstance(user, Person) or not user.is_here or not user.is_staff:
        return False
    return access.may(Actor.of(user), Permission.LEDGER_READ, None, now=business_time.now())


class ReadOnlySite(admin.AdminSite):
    """The admin site; whoever may not look is sent to the portal's own sign-in."""

    site_header = site_title = "Countersign, read-only"
    index_title = "Rows as they stand"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """See `may_look`."""
        return may_look(request)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in; whoever is signed in and may not look is told that nothing is here."""
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(reverse("admin:index"), reverse("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a redirect will do
        """There is one sign-out."""
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        """The admin changes nothing."""
        raise Http404

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        """The admin changes nothing."""
        raise Http404


def mount() -> ReadOnlySite:
    """A site that shows every concrete model of our apps, histories included."""
    site = ReadOnlySite(name="admin")
    for label in OURS:
        for model in apps.get_app_config(label).get_models(include_auto_created=False):
            if model._meta.label_lower not in HIDDEN_MODELS and not model._meta.swapped:
                site.register(model, ReadOnlyAdmin)
    return site
