"""Pages of items without an owner: the list, one credential, and naming, confirming or ending an interim owner (I3)."""

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
from inventory.models.resource import sees_whole_register
from inventory.ownership import queries as ownership_queries
from inventory.ownership import rules as ownership_rules
from inventory.ownership import transitions as ownership_transitions

Shape = dict[str, Any]

#: Rows of the list, the oldest first.
MOST = 100


def interim_banner(subject: Owned, actor: Actor, now: datetime) -> Shape | None:
    """Banner after an owner left: former owner, interim owner and the reader's actions; None with an active owner.

    A refused button is shown with its reason, except to people without any part in it.
    """
    former_owner = subject.accountable
    if former_owner is None or former_owner.is_here or getattr(subject, "state", "") in ("retired", "proposed"):
        return None
    interim = ownership_rules.latest_interim(subject, now)
    if interim is None:
        return _nobody_banner(subject, former_owner, actor, now)
    return (
        _confirmed_banner(interim, former_owner, actor, now)
        if interim.state == InterimState.CONFIRMED
        else _named_banner(interim, former_owner, actor, now)
    )


def _nobody_banner(subject: Owned, former_owner: Person, actor: Actor, now: datetime) -> Shape:
    kind = subject.item_kind
    href = reverse("interim_name", args=[kind, subject.pk])
    refusal = ownership_transitions.NAME_INTERIM[kind].refusal(subject, actor=actor, now=now)
    action: Shape = {"label": "Name who answers meanwhile", "icon": "person", "kind": "filled", "href": href}
    text = (
        f"{former_owner.name} left. Nothing new on it can be approved until its team’s lead and a security reviewer together "
        "name who answers for it meanwhile."
    )
    return _shape("Nobody answers for this.", text, refusal, action)


def _named_banner(interim: InterimOwner, former_owner: Person, actor: Actor, now: datetime) -> Shape:
    refusal = ownership_transitions.confirm_interim.refusal(interim, actor=actor, now=now)
    action: Shape = {
        "label": "Confirm",
        "icon": "check",
        "kind": "filled",
        "post": reverse("interim_confirm", args=[interim.pk]),
    }
    confirms = "a security reviewer" if interim.named_as == "lead" else "its team’s lead"
    by = f"{interim.named_by.name}{f' for {interim.named_for.name}' if interim.named_for else ''}"
    text = f"{former_owner.name} left. {by} has named {interim.person.name}; {confirms} has to say so too. Until then nothing new on it can be approved."
    shape = _shape("Nobody answers for this yet.", text, refusal, action)
    return shape | {"actions": [*shape["actions"], *_drop_actions(interim, "Not them", actor, now)]}


def _confirmed_banner(interim: InterimOwner, former_owner: Person, actor: Actor, now: datetime) -> Shape:
    assert interim.confirmed_by is not None  # interim_confirmed_by_somebody
    text = f"{former_owner.name} left. {interim.named_by.name} named {interim.person.name}, {interim.confirmed_by.name} confirmed it."
    shape = _shape(f"{interim.person.name} answers for this", text, None, None)
    return shape | {"tone": "wait", "until": interim.until, "actions": _drop_actions(interim, "End it", actor, now)}


def _drop_actions(interim: InterimOwner, label: str, actor: Actor, now: datetime) -> list[Shape]:
    if ownership_transitions.drop_interim.refusal(interim, actor=actor, now=now) is not None:
        return []
    return [{"label": label, "kind": "quiet", "href": reverse("interim_drop", args=[interim.pk])}]


def _shape(lead: str, text: str, refusal: Any, action: Shape | None) -> Shape:
    shape: Shape = {"tone": "no", "lead": lead, "text": text, "until": None, "why": "", "actions": []}
    if action is not None and refusal is None:
        shape["actions"] = [action]
    elif action is not None and refusal.kind != "permission":
        shape["actions"] = [
            {"label": action["label"], "icon": action["icon"], "kind": "filled", "disabled": "interim-why"}
        ]
        shape["why"] = " ".join(filter(None, [refusal.sentence, refusal.to_do]))
    return shape


# --- pages -------------------------------------------------------------------------------------------------------------


@require_GET
def ownerless_list(request: Request) -> HttpResponse:
    """List the ownerless items of the reader's teams, or of the whole register for its readers."""
    now = business_time.now()
    rows = ownership_queries.listed_items(request.actor, now, most=MOST)
    context: Shape = {
        "now": now,
        "head": {"title": "Nobody answers for these", "facts": ["their owner has left"]},
        "rows": [
            {
                "href": row.href,
                "kind": row.kind,
                "name": row.called,
                "left": row.left,
                "left_at": row.left_at,
                "named": row.named
                and f"{row.named.named_by.name} has named {row.named.person.name}, not confirmed yet",
            }
            for row in rows
        ],
    }
    return page(request, "inventory/ownership/ownerless_list.html", context)


def _visible(kind: str, actor: Actor, now: datetime) -> QuerySet[Any]:
    """Rows of a kind that a reader may see."""
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
        answered_for = Q(owner__in=people) | Q(interim_owners__person__in=people, interim_owners__ended_at__isnull=True)
        answered_for |= Q(owner__teams__lead__in=people) | Q(owner__teams__deputy_lead__in=people)
        answered_for |= Q(used_by__version__automation__in=automations)
        related = ("owner", "kept_in__team", "opens__team", "interim__person")
        credentials = Credential.objects.select_related(*related)
        for way in ("kept_in", "opens"):
            for role in ("owner", "deputy", "team__lead", "team__deputy_lead"):
                answered_for |= Q((f"{way}__{role}__in", people))
        return (credentials if sees_whole_register(actor, now) else credentials.filter(answered_for)).distinct()
    raise Http404


def _find_subject(request: Request, kind: str, pk: int, now: datetime) -> Owned:
    subject: Owned = get_object_or_404(_visible(kind, request.actor, now), pk=pk)
    return subject


def _back_href(subject: Owned) -> str:
    return ownership_queries.href_of(subject.item_kind, subject.pk)


@require_GET
def ownerless_credential(request: Request, kind: str, pk: int) -> HttpResponse:
    """Show a credential with its owner and activity. Other kinds redirect to their page."""
    now = business_time.now()
    subject: Any = _find_subject(request, kind, pk, now)
    if kind != "credential":
        return redirect(subject.href)
    facts = [
        {"label": "Owner", "text": subject.owner.name if subject.owner else "nobody is known"},
        {"label": "Decided on", "text": subject.decided_on.name if subject.decided_on else "nothing known"},
    ]
    context: Shape = {
        "now": now,
        "crumbs": [{"label": "Nobody answers", "href": reverse("ownerless")}, {"label": str(subject), "href": ""}],
        "head": {"title": str(subject), "facts": [kind, subject.kind]},
        "ownerless": interim_banner(subject, request.actor, now),
        "facts": facts,
        "events": timeline_queries.shapes(subject, reader=request.actor.person, limit=30, actor=request.actor, now=now),
        "ledger_href": ledger_href(subject, actor=request.actor, now=now),
    }
    return page(request, "inventory/ownership/ownerless.html", context, fragment="timeline")


class InterimForm(forms.Form):
    """Interim owner and reason."""

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
def name_interim(request: Request, kind: str, pk: int) -> HttpResponse:
    """Name an interim owner, as team lead or security reviewer; the other confirms."""
    now = business_time.now()
    subject = _find_subject(request, kind, pk, now)
    naming = ownership_transitions.NAME_INTERIM[kind]

    def act(fields: dict[str, Any]) -> Any:
        naming(subject, actor=request.actor, now=now, reason=fields["reason"], person=fields["person"])
        return _BackLink(_back_href(subject))

    return form_page(
        request,
        InterimForm(request.POST or None),
        act,
        now=now,
        title=f"Who answers for {subject} meanwhile?",
        label="Name them",
        text="It counts once the other of the two, team lead or security reviewer, confirms it, and for thirty days. "
        "You can’t name yourself.",
        back=_back_href(subject),
        refusal=naming.refusal(subject, actor=request.actor, now=now),
    )


class _BackLink:
    """Target of a redirect after a form."""

    def __init__(self, href: str) -> None:
        self.href = href


def _find_interim(request: Request, pk: int, now: datetime) -> InterimOwner:
    """Find an interim owner of an item that the reader may see."""
    related = ("person", "named_by", *(f"{kind}" for kind in ownership_transitions.ABOUT))
    interim = get_object_or_404(InterimOwner.objects.select_related(*related), pk=pk)
    subject = interim.subject
    if (
        interim.person != request.actor.person
        and not _visible(subject.item_kind, request.actor, now).filter(pk=subject.pk).exists()
    ):
        raise Http404
    return interim


@require_POST
def confirm_named(request: Request, pk: int) -> HttpResponse:
    """Confirm an interim owner."""
    now = business_time.now()
    interim = _find_interim(request, pk, now)
    back = _back_href(interim.subject)
    try:
        ownership_transitions.confirm_interim(interim, actor=request.actor, now=now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": back})
    return redirect(back)


@require_http_methods(["GET", "POST"])
def drop_interim(request: Request, pk: int) -> HttpResponse:
    """Decline a named interim owner, or end a confirmed one."""
    now = business_time.now()
    interim = _find_interim(request, pk, now)
    is_running = interim.state == InterimState.CONFIRMED
    return confirm(
        request,
        interim,
        ownership_transitions.drop_interim,
        now,
        title=f"{interim.person.name} does not answer for {interim.subject} {'any more' if is_running else 'meanwhile'}?",
        text="Nothing new on it can be approved then, until somebody else is named and confirmed.",
        label="End it" if is_running else "Not them",
        back=_back_href(interim.subject),
    )
