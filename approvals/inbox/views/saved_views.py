"""Saved views of the inbox: named filters of one reader, kept as addresses (ui.md, Desk)."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.inbox.views.filters import Filters
from approvals.models import DeskView
from approvals.models.saved_view import LONGEST_NAME, LONGEST_QUERY
from governance.core.clock import business_time
from governance.core.models import Person
from governance.core.texts import free_text
from governance.web.pages.page import page
from governance.web.requests.middleware import Request

#: Maximum number of saved views per person, limited by the space for chips.
MOST = 12


class NameForm(forms.Form):
    """Name of a saved view."""

    name = forms.CharField(
        max_length=LONGEST_NAME, label="Name", help_text="It stands beside the filters, for you alone."
    )

    def clean_name(self) -> str:
        """Return the visible name, without invisible characters."""
        name = free_text.name(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError("Give it a name that can be read.")
        return name


def saved_views_of(person: Person | None) -> QuerySet[DeskView]:
    """Saved views of a person, oldest first."""
    return DeskView.objects.filter(person=person)[:MOST]


def filters_of(view: DeskView, now: datetime) -> Filters:
    """Filters of a saved view."""
    return Filters.of(QueryDict(view.query), now)


def _find_view(person: Person, name: str) -> DeskView | None:
    """Find a person's view by name in any case. The comparison is that of the constraint: upper and lower case differ for some letters."""
    views = DeskView.objects.filter(person=person).alias(called=Lower("name"))
    return views.filter(called=Lower(Value(name))).first()


def _save(view: DeskView, query: str) -> None:
    """Save a view with these filters. Of two concurrent saves under one name, the later wins."""
    view.query = query
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        existing = _find_view(view.person, view.name)
        if existing is None:
            raise
        existing.query = query
        existing.save()


@require_http_methods(["GET", "POST"])
def save_view(request: Request) -> HttpResponse:
    """Save the filters of the address under a name. An existing name gets the new filters."""
    filters = Filters.of(request.GET, business_time.now())
    form = NameForm(request.POST if request.method == "POST" else None)
    person = request.actor.person
    if request.method == "POST" and form.is_valid() and person is not None:
        name, query = form.cleaned_data["name"], filters.href().partition("?")[2]
        views = DeskView.objects.filter(person=person)
        existing = _find_view(person, name)
        if len(query) > LONGEST_QUERY:
            form.add_error("name", "These filters are too long to be kept: ask for fewer words.")
        elif existing is not None or views.count() < MOST:
            _save(existing or DeskView(person=person, name=name), query)
            return redirect(filters.href())
        else:
            form.add_error("name", f"You have {MOST} views, and more do not fit: let one of them go first.")
    context = {
        "head": {"title": "Keep this view"},
        "form": form,
        "label": "Keep it",
        "back_href": filters.href(),
    }
    return page(request, "components/short_form_page.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def remove_view(request: Request, pk: int) -> HttpResponse:
    """Remove a saved view after a confirmation."""
    view = get_object_or_404(DeskView, pk=pk, person=request.actor.person)
    if request.method == "POST":
        view.delete()
        return redirect("desk")
    ask = {
        "id": "view",
        "title": f"Let “{view.name}” go?",
        "text": "Only the name goes: what it shows can be asked for by the filters.",
        "action": request.path,
        "label": "Let it go",
        "kind": "filled",
    }
    return page(
        request, "components/confirm_page.html", {"ask": ask, "back_href": filters_of(view, business_time.now()).href()}
    )


def save_href(filters: Filters) -> str:
    """URL for saving the current filters."""
    return f"{reverse('desk_view_save')}?{filters.href().partition('?')[2]}"
