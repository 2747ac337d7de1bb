"""Pages about what nobody answers for: the list, what to do about one thing, naming, confirming, ending (I3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.models import Person
from governance.core.timeline import queries as timeline_queries
from governance.web.pages.confirmation import confirm, form_page
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from inventory.models import Automation, Credential, InterimOwner, InterimState, NonHumanIdentity, Owned, Resource
from inventory.models.resource import sees_all
from inventory.ownership import queries as ownership_queries
from inventory.ownership import transitions as ownership_transitions

Shape = dict[str, Any]

#: Rows of the list; there are never many, and the oldest come first.
MOST = 100


def banner(subject: Owned, actor: Actor, now: datetime) -> Shape | None:
    """That somebody who answered for it has left, who does meanwhile, and what the reader can do; None while an owner is here.

    A button whose rule says no to this reader stands there with the reason, save to whoever has no part in it at all.
    """
    gone = subject.accountable
    if gone is None or gone.is_here or getattr(subject, "state", "") in ("retired", "proposed"):
        return None
    one = ownership_transitions.latest(subject, now)
    if one is None:
        return _nobody(subject, gone, actor, now)
    return _confirmed(one, gone, actor, now) if one.state == InterimState.CONFIRMED else _named(one, gone, actor, now)


def _nobody(subject: Owned, gone: Person, actor: Actor, now: datetime) -> Shape:
    kind = ownership_transitions.field_of(subject)
    href = reverse("interim_name", args=[kind, subject.pk])
    no = ownership_transitions.NAMING[kind].refusal(subject, actor=actor, now=now)
    action: Shape = {"label": "Name who answers meanwhile", "icon": "person", "kind": "filled", "href": href}
    text = (
        f"{gone.name} left. Nothing new on it can be approved until its team’s lead and a security reviewer together "
        "name who answers for it meanwhile."
    )
    return _shape("Nobody answers for this.", text, no, action)


def _named(one: InterimOwner, gone: Person, actor: Actor, now: datetime) -> Shape:
    no = ownership_transitions.confirm_interim.refusal(one, actor=actor, now=now)
    action: Shape = {
        "label": "Confirm",
        "icon": "check",
        "kind": "filled",
        "post": reverse("interim_confirm", args=[one.pk]),
    }
    confirms = "a security reviewer" if one.named_as == "lead" else "its team’s lead"
    by = f"{one.named_by.name}{f' for {one.named_for.name}' if one.named_for else ''}"
    text = f"{gone.name} left. {by} has named {one.person.name}; {confirms} has to say so too. Until then nothing new on it can be approved."
    shape = _shape("Nobody answers for this yet.", text, no, action)
    return shape | {"actions": [*shape["actions"], *_drop(one, "Not them", actor, now)]}


def _confirmed(one: InterimOwner, gone: Person, actor: Actor, now: datetime) -> Shape:
    assert one.confirmed_by is not None  # interim_confirmed_by_somebody
    text = f"{gone.name} left. {one.named_by.name} named {one.person.name}, {one.confirmed_by.name} confirmed it."
    shape = _shape(f"{one.person.name} answers for this", text, None, None)
    return shape | {"tone": "wait", "until": one.until, "actions": _drop(one, "End it", actor, now)}


def _drop(one: InterimOwner, label: str, actor: Actor, now: datetime) -> list[Shape]:
    if ownership_transitions.drop_interim.refusal(one, actor=actor, now=now) is not None:
        return []
    return [{"label": label, "kind": "quiet", "href": reverse("interim_drop", args=[one.pk])}]


def _shape(lead: str, text: str, no: Any, action: Shape | None) -> Shape:
    shape: Shape = {"tone": "no", "lead": lead, "text": text, "until": None, "why": "", "actions": []}
    if action is not None and no is None:
        shape["actions"] = [action]
    elif action is not None and no.kind != "permission":
        shape["actions"] = [
            {"label": action["label"], "icon": action["icon"], "kind": "filled", "disabled": "interim-why"}
        ]
        shape["why"] = " ".join(filter(None, [no.sentence, no.to_do]))
    return shape


# --- pages -------------------------------------------------------------------------------------------------------------


@require_GET
def ownerless_list(request: Request) -> HttpResponse:
    """Everything that nobody answers for and the reader is concerned by: of their teams, or all for who sees the register."""
    now = business_time.now()
    rows = ownership_queries.listed(request.actor, now, most=MOST)
    context: Shape = {
        "now": now,
        "head": {"title": "Nobody answers for these", "facts": ["their owner has left"]},
        "rows": [
            {
                "href": one.href,
                "kind": one.kind,
                "name": one.called,
                "left": one.left,
                "left_at": one.left_at,
                "named": one.named
                and f"{one.named.named_by.name} has named {one.named.person.name}, not confirmed yet",
            }
            for one in rows
        ],
    }
    return page(request, "inventory/ownership/ownerless_list.html", context)


def _visible(kind: str, actor: Actor, now: datetime) -> QuerySet[Any]:
    """The rows of a kind that a reader may see."""
    if kind == "resource":
        return Resource.objects.visible_to(actor, now).select_related("owner", "team", "interim__person")
    automations = Automation.objects.visible_to(actor, now)
    if kind == "automation":
        return automations.select_related("business_owner", "team", "interim__person")
    people = access.answers_as(actor, now)
    if kind == "identity":
        identities = NonHumanIdentity.objects.visible_to(actor, now)
        return identities.select_related("owner", "automation__team", "interim__person")
    if kind == "credential":
        theirs = Q(owner__in=people) | Q(interim_owners__person__in=people, interim_owners__ended_at__isnull=True)
        theirs |= Q(owner__teams__lead__in=people) | Q(owner__teams__deputy_lead__in=people)
        theirs |= Q(used_by__version__automation__in=automations)
        related = ("owner", "kept_in__team", "opens__team", "interim__person")
        credentials = Credential.objects.select_related(*related)
        for way in ("kept_in", "opens"):
            for who in ("owner", "deputy", "team__lead", "team__deputy_lead"):
                theirs |= Q((f"{way}__{who}__in", people))
        return (credentials if sees_all(actor, now) else credentials.filter(theirs)).distinct()
    raise Http404


def _find(request: Request, kind: str, pk: int, now: datetime) -> Owned:
    found: Owned = get_object_or_404(_visible(kind, request.actor, now), pk=pk)
    return found


def _back(subject: Owned) -> str:
    return ownership_queries.href_of(ownership_transitions.field_of(subject), subject.pk)


@require_GET
def one(request: Request, kind: str, pk: int) -> HttpResponse:
    """A credential: who answers for it, and what happened. Everything else is shown on a page of its own."""
    now = business_time.now()
    found: Any = _find(request, kind, pk, now)
    if kind != "credential":
        return redirect(found.href)
    facts = [
        {"label": "Owner", "text": found.owner.name if found.owner else "nobody is known"},
        {"label": "Decided on", "text": found.decided_on.name if found.decided_on else "nothing known"},
    ]
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Nobody answers", "href": reverse("ownerless")}, {"label": str(found), "href": ""}],
        "head": {"title": str(found), "facts": [kind, found.kind]},
        "ownerless": banner(found, request.actor, now),
        "facts": facts,
        "events": timeline_queries.shapes(found, reader=request.actor.person, limit=30, actor=request.actor, now=now),
        "ledger_href": ledger_href(found, actor=request.actor, now=now),
    }
    return page(request, "inventory/ownership/ownerless.html", context, fragment="timeline")


class InterimForm(forms.Form):
    """Who answers for it meanwhile."""

    person = forms.ModelChoiceField(
        Person.objects.filter(is_active=True, left_at__isnull=True), label="Who", empty_label="Choose somebody"
    )
    reason = forms.CharField(
        label="Why them",
        required=False,
        help_text="Whoever confirms it reads this.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=2000,
    )


@require_http_methods(["GET", "POST"])
def name(request: Request, kind: str, pk: int) -> HttpResponse:
    """Name who answers for something meanwhile: the team's lead or a security reviewer does, the other confirms."""
    now = business_time.now()
    found = _find(request, kind, pk, now)
    naming = ownership_transitions.NAMING[kind]

    def act(said: dict[str, Any]) -> Any:
        naming(found, actor=request.actor, now=now, reason=said["reason"], person=said["person"])
        return _Back(_back(found))

    return form_page(
        request,
        InterimForm(request.POST or None),
        act,
        now=now,
        title=f"Who answers for {found} meanwhile?",
        label="Name them",
        text="It counts once the other of the two, team lead or security reviewer, confirms it, and for thirty days. "
        "You can’t name yourself.",
        back=_back(found),
        refusal=naming.refusal(found, actor=request.actor, now=now),
    )


class _Back:
    """Where a form goes on."""

    def __init__(self, href: str) -> None:
        self.href = href


def _find_named(request: Request, pk: int, now: datetime) -> InterimOwner:
    """One naming of something that the reader may see."""
    related = ("person", "named_by", *(f"{kind}" for kind in ownership_transitions.ABOUT))
    found = get_object_or_404(InterimOwner.objects.select_related(*related), pk=pk)
    subject = found.subject
    if (
        found.person != request.actor.person
        and not _visible(ownership_transitions.field_of(subject), request.actor, now).filter(pk=subject.pk).exists()
    ):
        raise Http404
    return found


@require_POST
def confirm_named(request: Request, pk: int) -> HttpResponse:
    """Confirm who was named."""
    now = business_time.now()
    found = _find_named(request, pk, now)
    back = _back(found.subject)
    try:
        ownership_transitions.confirm_interim(found, actor=request.actor, now=now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": back})
    return redirect(back)


@require_http_methods(["GET", "POST"])
def drop(request: Request, pk: int) -> HttpResponse:
    """Say no to who was named, or end that they answer for it."""
    now = business_time.now()
    found = _find_named(request, pk, now)
    is_running = found.state == InterimState.CONFIRMED
    return confirm(
        request,
        found,
        ownership_transitions.drop_interim,
        now,
        title=f"{found.person.name} does not answer for {found.subject} {'any more' if is_running else 'meanwhile'}?",
        text="Nothing new on it can be approved then, until somebody else is named and confirmed.",
        label="End it" if is_running else "Not them",
        back=_back(found.subject),
    )
