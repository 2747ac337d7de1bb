"""Pages of items without an owner: the list, one credential, and naming, confirming or ending an interim owner (I3)."""

from datetime import datetime

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, Refusal
from governance.core.people.person_field import PersonField
from governance.web.pages.page import Shape, confirm, finish, offered, operation_form, page
from governance.web.requests.request import Request, visible_row
from inventory.models import OWNED, InterimOwner, InterimState, Owned
from inventory.ownership import queries as ownership_queries
from inventory.ownership import rules as ownership_rules
from inventory.ownership import transitions as ownership_transitions

#: Rows of the list, the oldest first.
MOST = 100


def interim_banner(subject: Owned, actor: Actor, now: datetime) -> Shape | None:
    """Context of ``components/ownerless.html`` after an owner left; None with an active owner."""
    former_owner = subject.accountable
    if former_owner is None or former_owner.is_here or getattr(subject, "state", "") in ("retired", "proposed"):
        return None
    interims = ownership_rules.open_interims(subject, now)
    banner: Shape = {"former_owner": former_owner, "interim": None, "why": "", "actions": []}
    if not interims:
        naming = ownership_transitions.NAME_INTERIM[subject.item_kind]
        refusal = naming.refusal(subject, actor=actor, now=now, context=interims)
        href = reverse("interim_name", args=[subject.item_kind, subject.pk])
        return banner | _button({"label": "Name an interim owner", "icon": "person", "href": href}, refusal)
    (interim,) = interims
    if interim.state == InterimState.NAMED:
        refusal = ownership_transitions.confirm_interim.refusal(interim, actor=actor, now=now)
        post = reverse("interim_confirm", args=[interim.pk])
        banner |= _button({"label": "Confirm", "icon": "check", "post": post}, refusal)
    drop = [(ownership_transitions.drop_interim, "interim_drop", {"label": "End it"})]
    actions = [*banner["actions"], *offered(interim, drop, actor=actor, now=now)]
    return banner | {"interim": interim, "actions": actions}


def _button(action: Shape, refusal: Refusal | None) -> Shape:
    """Button of a banner: disabled with the reason after a refusal, none for people without a part in it."""
    if refusal is None:
        return {"actions": [{**action, "kind": "filled"}]}
    if refusal.kind == "permission":
        return {}
    disabled = {"label": action["label"], "icon": action["icon"], "kind": "filled", "disabled": "interim-why"}
    return {"actions": [disabled], "why": " ".join(filter(None, [refusal.sentence, refusal.to_do]))}


# --- pages -------------------------------------------------------------------------------------------------------------


@require_GET
def ownerless_list(request: Request) -> HttpResponse:
    """List the ownerless items of the reader's teams, or of the whole register for its readers."""
    context: Shape = {
        "head": {"title": "Without an owner", "facts": ["their owner has left"]},
        "rows": ownership_queries.listed_items(request.actor, request.now(), most=MOST),
    }
    return page(request, "inventory/ownership/ownerless_list.html", context)


class InterimForm(forms.Form):
    """Interim owner and reason."""

    person = PersonField(label="Who")
    reason = forms.CharField(
        label="Why them",
        required=False,
        help_text="The person who confirms it reads this.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=2000,
    )


@require_http_methods(["GET", "POST"])
def name_interim(request: Request, kind: str, pk: int) -> HttpResponse:
    """Name an interim owner, as team lead or security reviewer; the other confirms."""
    naming = ownership_transitions.NAME_INTERIM.get(kind)
    if naming is None:
        raise Http404
    subject, _ = visible_row(request, naming.model, pk, "interim__person")
    return operation_form(
        request,
        subject,
        naming,
        InterimForm(request.POST or None),
        title=f"Who answers for {subject} meanwhile?",
        label="Name them",
        text="It counts once the other of the two, team lead or security reviewer, confirms it, and for thirty days. "
        "You can’t name yourself.",
    )


def _find_interim(request: Request, pk: int) -> InterimOwner:
    """Find an interim owner of an item that the reader may see."""
    interim = get_object_or_404(InterimOwner.objects.select_related("person", "named_by", *OWNED), pk=pk)
    if interim.person != request.actor.person:
        visible_row(request, type(interim.subject), interim.subject.pk)
    return interim


@require_POST
def confirm_named(request: Request, pk: int) -> HttpResponse:
    """Confirm an interim owner."""
    interim = _find_interim(request, pk)
    ownership_transitions.confirm_interim(interim, actor=request.actor, now=request.now())
    return finish(request, ownership_transitions.confirm_interim, interim.subject.href)


@require_http_methods(["GET", "POST"])
def drop_interim(request: Request, pk: int) -> HttpResponse:
    """Decline a named interim owner, or end a confirmed one."""
    interim = _find_interim(request, pk)
    is_running = interim.state == InterimState.CONFIRMED
    return confirm(
        request,
        interim,
        ownership_transitions.drop_interim,
        title=f"{interim.person.name} does not answer for {interim.subject} {'any more' if is_running else 'meanwhile'}?",
        text="Nothing new on it can be approved then, until somebody else is named and confirmed.",
        label="End it" if is_running else "Not them",
        back=interim.subject.href,
    )
