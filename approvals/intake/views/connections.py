"""What a connection opens: a resource of the register, or a new one that the builder proposes (I8).

The choice stands in the draft until the import is confirmed; the resource's owner confirms it with their first decision.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.intake import drafts
from approvals.intake.views.builder import Builder, Work
from approvals.intake.views.forms import NewResource
from approvals.intake.views.imports import says_no
from governance.core.duties.refusals import InvalidInput
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.importers import sentences
from inventory.importers.manifest import Manifest, Privilege, binding_key
from inventory.imports import resolution
from inventory.models import Binding, Resource, ResourceState
from inventory.resources.transitions import resources

TEMPLATE = "approvals/intake/connection.html"


@require_http_methods(["GET", "POST"])
@says_no
def bind(request: Request, pk: int, key: str) -> HttpResponse:
    """Choose what a connection opens, or propose a resource with a suggested owner.

    Args:
        request: POST with ``do=choose`` and ``resource``, or with ``do=register`` and the form of a new resource; GET with
            ``q`` to choose among those that hold these words.
        pk: the preview.
        key: the row from which it was asked (`drafts.privilege_row`).
    """
    builder = Builder.of(request)
    item = builder.find(pk)
    connection, uses = _connection(Manifest.from_dict(item.manifest), key)
    work = Work.begin(builder, item)
    may_register = resources.propose_resource.refusal(work.team, actor=builder.actor, now=builder.now) is None
    form = NewResource(request.POST if request.POST.get("do") == "register" else None, initial=_guess(uses[0], work))
    status = 200
    if request.method == "POST" and request.POST.get("do") == "register":
        made = _register(work, form) if form.is_valid() else None
        if made is not None:
            return _chosen(request, work, connection, made, key)
        status = 422
    elif request.method == "POST" and _is_refused(connection, request.POST.get("resource")):
        messages.error(request, "Its owner has said that this connection does not open that: choose another.")
        return redirect("import_bind", pk=pk, key=key)
    elif request.method == "POST":
        return _chosen(request, work, connection, _visible(builder, request.POST.get("resource")), key)
    back = f"{reverse('import_preview', args=[pk])}#wish-{key}"
    options = builder.options(pager.words_of(request.GET))
    context: dict[str, Any] = {
        "now": builder.now,
        "action": reverse("import_bind", args=[pk, key]),
        "back_href": back,
        "crumbs": [
            {"label": "Bring in", "href": reverse("bring_in")},
            {"label": "Preview", "href": back},
            {"label": "Connection", "href": ""},
        ],
        "what": uses[0].credential.name if uses[0].credential and uses[0].credential.name else uses[0].instance,
        "raw": connection.replace("|", " · "),
        "places": [one.at for one in uses],
        "options": options.resources,
        "has_more": options.has_more,
        "most": len(options.resources),
        "words": request.GET.get("q", "")[:200],
        "picked": work.draft.chosen.get(connection),
        "may_register": may_register,
        "form": form,
    }
    return page(request, TEMPLATE, context, status=status)


def _connection(manifest: Manifest, key: str) -> tuple[str, list[Privilege]]:
    """The connection's name and what uses it, found by the key of one of its rows.

    Raises:
        Http404: nothing of this manifest has the key, or what is behind it is decided at run time.
    """
    by_name: dict[str, list[Privilege]] = {}
    for one in manifest.privileges:
        by_name.setdefault(resolution.binding_name(binding_key(one)), []).append(one)
    for name, uses in by_name.items():
        if uses[0].instance and any(key == drafts.privilege_row(one) for one in uses):
            return name, uses
    raise Http404("No connection of this import has this key.")


def _is_refused(connection: str, value: str | None) -> bool:
    """Whether the owner of a resource has said that a connection does not open it (I8)."""
    connector, _, instance = connection.partition("|")
    known = Binding.objects.filter(connector=connector, instance_name=instance)
    return known.filter(refused_for__contains=[number(value) or 0]).exists()


def _visible(builder: Builder, value: str | None) -> Resource:
    seen = Resource.objects.visible_to(builder.actor, builder.now).resolved().exclude(state=ResourceState.RETIRED)
    found = seen.filter(pk=number(value) or 0).first()
    if found is None:
        raise Http404("No resource that you see has this id.")
    return found


def _guess(one: Privilege, work: Work) -> dict[str, str]:
    """What the form of a new resource begins with."""
    named = one.credential.name if one.credential is not None and one.instance == one.credential.external_id else ""
    environment = str(work.draft.fields.get("environment") or "production")
    return {"name": named or one.instance, "kind": sentences.kind_of(one.connector), "environment": environment}


def _register(work: Work, form: NewResource) -> Resource | None:
    given = form.cleaned_data
    owner = given["suggested_owner"]
    fields = {name: given[name] for name in ("name", "kind", "environment", "about")}
    # The engine answers with the row that the event is about: the resource that was made.
    try:
        made: Any = resources.propose_resource(
            work.team, actor=work.builder.actor, now=work.builder.now, fields=fields, suggested_owner=owner
        )
    except InvalidInput as no:
        form.add_error(None, no.refusal.sentence)
        return None
    assert isinstance(made, Resource)
    return made


def _chosen(request: Request, work: Work, connection: str, resource: Resource, key: str) -> HttpResponse:
    drafts.keep(work.item, work.draft.choose(connection, resource.pk), work.team)
    if resource.state == ResourceState.ACTIVE:
        said = f"It opens {resource.name}. Its owner confirms that with the first decision."
    else:
        said = f"{resource.name} is proposed. An admin names an owner; once they accept, this can be submitted."
    messages.success(request, said)
    return redirect(f"{reverse('import_preview', args=[work.item.pk])}#wish-{key}")
