"""Saved views of the Approvals page and of registers: named filters of one reader, kept as addresses."""

from datetime import datetime
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.inbox.views.filters import Filters
from approvals.models import SavedView
from approvals.models.saved_view import LONGEST_NAME, LONGEST_QUERY
from governance.core.models import Person
from governance.core.texts import free_text
from governance.web.pages import pager
from governance.web.pages.page import ask, page
from governance.web.requests.request import Request

#: Maximum number of saved views per person and list, limited by their space on the page.
MOST = 12
#: URL names of the lists that have saved views.
LISTS = (
    *("approvals", "automation_list", "resource_list", "identity_list", "credential_list", "grant_list"),
    *("submission_list", "people"),
)


class NameForm(forms.Form):
    """Name of a saved view."""

    name = forms.CharField(max_length=LONGEST_NAME, label="Name", help_text="Only you see it.")

    def clean_name(self) -> str:
        """Return the visible name, without invisible characters."""
        name = free_text.name(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError("Use letters that can be read.")
        return name


def saved_views_of(person: Person | None, register: str = "approvals") -> QuerySet[SavedView]:
    """Saved views of a person for one list, oldest first."""
    return SavedView.objects.filter(person=person, register=register)[:MOST]


def filters_of(view: SavedView, now: datetime) -> Filters:
    """Filters of a saved view."""
    return Filters.parse(QueryDict(view.query), now)


def save_href(href: str, register: str = "approvals") -> str:
    """URL for saving the filters of a list's address."""
    query = f"list={register}&" if register != "approvals" else ""
    return f"{reverse('saved_view_save')}?{query}{href.partition('?')[2]}"


def _save(person: Person, register: str, name: str, query: str) -> str:
    """Save a view; an existing name gets the new filters. Return the problem, or an empty string.

    The lock on the person makes two concurrent saves of one name one view. Names are compared as the constraint does:
    upper and lower case differ for some letters.
    """
    if len(query) > LONGEST_QUERY:
        return "These filters are too long to save. Use fewer words."
    with transaction.atomic():
        Person.objects.select_for_update(of=("self",), no_key=True).get(pk=person.pk)
        views = SavedView.objects.filter(person=person, register=register)
        same = views.alias(lower=Lower("name")).filter(lower=Lower(Value(name))).first()
        if same is None and views.count() >= MOST:
            return f"You have {MOST} saved views here. Remove one first."
        view: SavedView = same or SavedView(person=person, register=register, name=name)
        view.query = query
        view.save()
    return ""


@require_http_methods(["GET", "POST"])
def save_view(request: Request) -> HttpResponse:
    """Save the filters of a list under a name."""
    register, query = request.GET.get("list", "approvals"), pager.kept(request.GET, "list")
    if register not in LISTS:
        raise Http404
    back_href = pager.address(reverse(register), query)
    form = NameForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        assert request.actor.person is not None  # a signed-in reader
        problem = _save(request.actor.person, register, form.cleaned_data["name"], urlencode(query))
        if not problem:
            messages.success(request, "The view is saved. It stands above the list.")
            return redirect(back_href)
        form.add_error("name", problem)
    context = {"head": {"title": "Save this view"}, "form": form, "label": "Save", "back_href": back_href}
    return page(request, "components/short_form_page.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def remove_view(request: Request, pk: int) -> HttpResponse:
    """Remove a saved view after a confirmation."""
    view = get_object_or_404(SavedView, pk=pk, person=request.actor.person)
    return ask(
        request,
        lambda _: view.delete(),
        title=f"Remove “{view.name}”?",
        text="Only the name is removed. The filters still find the same rows.",
        label="Remove the view",
        message=f"“{view.name}” is removed.",
        back=f"{reverse(view.register)}?{view.query}",
        done=reverse(view.register),
        kind="filled",
        reason="",
    )
