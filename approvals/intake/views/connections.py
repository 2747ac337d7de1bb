"""Choice of the resource that a connection opens: a registered one, or a new one that the builder proposes (I8).

The choice stays in the draft until the import is confirmed. The resource's owner confirms it with their first decision.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.intake import drafts
from approvals.intake.views.builder import Builder, Work
from approvals.intake.views.forms import NewResource
from governance.core.access import InvalidInput
from governance.core.texts.number_words import counted
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.importers.manifest import Manifest, Privilege, binding_key
from inventory.imports.resolution import proposed_resource
from inventory.models import Binding, Resource, ResourceState
from inventory.resources.transitions import resources


@require_http_methods(["GET", "POST"])
def bind(request: Request, pk: int, key: str) -> HttpResponse:
    """Choose the resource of a connection, or propose a new one with a suggested owner.

    Args:
        request: POST with ``do=choose`` and ``resource``, or with ``do=register`` and the form of a new resource. GET with
            ``q`` searches the resources by words.
        pk: the preview.
        key: the row of the connection (`drafts.privilege_row`).
    """
    builder = Builder.for_request(request)
    item = builder.find(pk)
    connection, uses = _connection(Manifest.from_dict(item.manifest), key)
    work = Work.begin(builder, item)
    is_new = request.POST.get("do") == "register"
    form = NewResource(request.POST if is_new else None, initial=_guess(uses[0], work))
    if is_new and form.is_valid():
        try:
            return _save_choice(request, work, connection, _propose(work, form.cleaned_data), key)
        except InvalidInput as error:
            form.add_error(None, error.refusal.sentence)
    elif request.method == "POST" and not is_new:
        if _is_refused(connection, request.POST.get("resource")):
            messages.error(request, "Its owner has said that this connection does not open that: choose another.")
            return redirect("import_bind", pk=pk, key=key)
        resource = get_object_or_404(builder.choosable(), pk=number(request.POST.get("resource")) or 0)
        return _save_choice(request, work, connection, resource, key)
    options, has_more = builder.options(pager.words_of(request.GET))
    context: dict[str, Any] = {
        "action": request.path,
        "back_href": f"{reverse('import_preview', args=[pk])}#wish-{key}",
        "what": uses[0].credential.name if uses[0].credential and uses[0].credential.name else uses[0].instance,
        "raw": connection.replace("|", " · "),
        "places": [use.at for use in uses],
        "options": options,
        "has_more": has_more,
        "words": request.GET.get("q", "")[:200],
        "picked": work.draft.chosen.get(connection),
        "may_register": work.may_register,
        "form": form,
    }
    return page(request, "approvals/intake/connection.html", context, status=422 if is_new else 200)


def _connection(manifest: Manifest, key: str) -> tuple[str, list[Privilege]]:
    """Find a connection and its uses by the key of one of its rows.

    Raises:
        Http404: no such row, or its connection is chosen at run time.
    """
    names = drafts.connections(manifest)
    if key not in names:
        raise Http404("No connection of this import has this key.")
    return names[key], [use for use in manifest.privileges if names.get(drafts.privilege_row(use)) == names[key]]


def _is_refused(connection: str, value: str | None) -> bool:
    """Whether the resource's owner has refused this connection (I8)."""
    connector, _, instance = connection.partition("|")
    refused = {"connector": connector, "instance_name": instance, "refused_for__contains": [number(value) or 0]}
    return Binding.objects.filter(**refused).exists()


def _guess(privilege: Privilege, work: Work) -> dict[str, str]:
    """Initial values of a new resource."""
    row = proposed_resource(binding_key(privilege), privilege)
    return {"name": row.name, "kind": row.kind, "environment": drafts.environment_of(work.draft)}


def _propose(work: Work, fields: Mapping[str, Any]) -> Resource:
    builder, owner = work.builder, fields.get("suggested_owner")
    made: object = resources.propose_resource(
        work.team, actor=builder.actor, now=builder.now, fields=fields, suggested_owner=owner
    )
    assert isinstance(made, Resource)  # the operation's subject is the team; it returns the resource
    return made


def propose_unnamed(request: Request, work: Work) -> HttpResponse:
    """Propose a new resource for each connection without one. A refusal keeps those that were proposed before it."""
    uses, rows = {drafts.privilege_row(use): use for use in work.manifest.privileges}, work.load_preview().unnamed
    for row in rows:
        _choose(work, row.connection, _propose(work, _guess(uses[row.key], work)))
    messages.success(request, f"{counted(len(rows), 'resource')} proposed. You are notified when one is active.")
    return redirect(f"{reverse('import_preview', args=[work.item.pk])}#rows")


def _choose(work: Work, connection: str, resource: Resource) -> None:
    work.draft = replace(work.draft, chosen={**work.draft.chosen, connection: resource.pk})
    drafts.keep(work.item, work.draft, work.team)


def _save_choice(request: Request, work: Work, connection: str, resource: Resource, key: str) -> HttpResponse:
    _choose(work, connection, resource)
    message = f"{resource.name} is proposed. This waits for {resource.waits_for}; you are notified when it is active."
    if resource.state == ResourceState.ACTIVE:
        message = f"It opens {resource.name}. Its owner confirms that with the first decision."
    messages.success(request, message)
    return redirect(f"{reverse('import_preview', args=[work.item.pk])}#wish-{key}")
