"""Pages of a credential: its facts and their forms (I6, A2). No field takes a secret; a value that looks like one is never
shown again.
"""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, Refusal
from governance.core.engine.transition import Transition
from governance.core.models import Person
from governance.core.people.person_field import PersonField
from governance.web.pages.page import Shape, finish, offered, operation_form, page, timeline_context
from governance.web.requests.request import Request, number, visible_row
from inventory.credentials import transitions
from inventory.credentials.transitions import SECRET
from inventory.credentials.views import credential_facts
from inventory.importers import sentences
from inventory.importers.secrets.slots import looks_secret
from inventory.models import (
    Automation,
    AutomationState,
    Credential,
    Entitlement,
    Lifetime,
    Reach,
    Resource,
    ResourceKind,
    ResourceState,
)
from inventory.ownership.views import interim_owners

#: Relations that rules and sentences of the page read.
RELATED = ("opens__team", "kept_in__team", "said_kept_in", "said_by", "owner", "reach_by", "interim__person")

#: Automations that a page lists as users.
MOST = 50


@require_GET
def credential(request: Request, pk: int) -> HttpResponse:
    """Show a credential: store, reach, age, users and activity."""
    credential, now = visible_row(request, Credential, pk, *RELATED)
    near = [each for each in (credential.opens, credential.kept_in) if each is not None]
    seen = Resource.objects.visible_to(request.actor, now).filter(pk__in=[each.pk for each in near])
    visible = set(seen.values_list("pk", flat=True)) if near else set()
    platform = sentences.platform_label(credential.platform_instance)
    facts = ["Credential", credential.kind, platform]
    offers = (
        (transitions.describe_credential, "credential_describe", {"label": "Describe it", "icon": "pen"}),
        (transitions.declare_reach, "credential_reach", {"label": "Say what it opens", "icon": "key"}),
        (transitions.claim_store, "credential_kept_in", {"label": "Say where it is kept", "icon": "arrow"}),
    )
    context: Shape = {
        **timeline_context(credential, actor=request.actor, now=now, quiet=True),
        "head": {
            "title": str(credential),
            "facts": [fact for fact in facts if fact],
            "actions": offered(credential, offers, actor=request.actor, now=now),
        },
        "ownerless": interim_owners.interim_banner(credential, request.actor, now),
        "next": _next_step(credential, request.actor, now),
        "problems": credential_facts.problems(credential, now),
        "credential": credential,
        "visible": visible,
        "store": credential_facts.store_texts(credential),
        "reach_words": credential_facts.reach_text(credential),
        "days": credential_facts.day_facts(credential, now),
        "platform": platform,
        "reach": _reach(credential),
        "used_by": _used_by(credential, request.actor, now),
    }
    return page(request, "inventory/credentials/credential.html", context, fragment="timeline")


def _next_step(credential: Credential, actor: Actor, now: datetime) -> Shape | None:
    """Banner for an unconfirmed store: buttons for its owners, the refusal for others on its side."""
    if credential.said_kept_in is None:
        return None
    store, who = credential.said_kept_in, credential.said_by.name if credential.said_by else "Somebody"
    refusal = transitions.confirm_store.refusal(credential, actor=actor, now=now)
    text = f"Who answers for {store.name} confirms or refuses it; until then nothing follows from it."
    actions = []
    if refusal is None:
        text = f"Once you confirm it, who answers for {store.name} decides about it where it is asked for from then on."
        fields = {"store": store.pk}
        names = ("credential_kept_here", "credential_not_kept_here")
        yes, not_here = (reverse(name, args=[credential.pk]) for name in names)
        actions.append({"label": "It is kept here", "kind": "filled", "post": yes, "fields": fields})
        actions.append({"label": "It is not", "kind": "quiet", "post": not_here, "fields": fields})
    elif refusal.kind == "duty":
        text = refusal.words
    return {"lead": f"{who} says that {store.name} keeps it.", "text": text, "actions": actions}


def _reach(credential: Credential) -> list[tuple[str, Entitlement | None]]:
    """Codes that a credential opens, each with its entitlement in the register."""
    if credential.opens is None or credential.reach_kind == Reach.UNKNOWN:
        return []
    rows = credential.opens.entitlements.filter(code__in=credential.reach).select_related("resource")
    by_code = {entitlement.code: entitlement for entitlement in rows}
    return [(code, by_code.get(code)) for code in credential.reach]


def _used_by(credential: Credential, actor: Actor, now: datetime) -> QuerySet[Automation]:
    """Automations with a version that uses the credential, if the reader may see them."""
    seen = Automation.objects.visible_to(actor, now).exclude(state=AutomationState.RETIRED)
    automations = seen.filter(versions__version_credentials__credential=credential).distinct()
    return automations.order_by("name", "pk")[:MOST]


class SecretFreeForm(forms.Form):
    """Form that empties a field with a value that looks like a secret, and reports it (I6)."""

    def full_clean(self) -> None:
        """Clean the form after emptying fields that look like secrets."""
        given = self.data if isinstance(self.data, QueryDict) else QueryDict()
        leaked = [name for name in self.fields if any(looks_secret(each) for each in self._given(given, name))]
        shown = [name for name in given if name not in self.fields and any(map(looks_secret, given.getlist(name)))]
        if leaked or shown:
            emptied = given.copy()
            for name in (*leaked, *shown):
                emptied.pop(name, None)
            self.data = emptied
        super().full_clean()
        for name in leaked:
            self.errors.pop(name, None)
            self.add_error(name, SECRET)

    def _given(self, data: QueryDict, name: str) -> list[str]:
        """Posted value of a text field; None for a choice."""
        choices = {str(value) for value, _ in getattr(self.fields[name], "choices", ())}
        return [each for each in data.getlist(name) if each not in choices]


def _days(help_text: str = "", label: str = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class FactsForm(SecretFreeForm):
    """Age and owner of a credential."""

    lifetime = forms.ChoiceField(choices=Lifetime)
    issued_at = _days(label="Issued on")
    rotated_at = _days(label="Last rotated on")
    rotation_due_on = _days(label="Rotation due on")
    expires_at = _days("From the start of this day (UTC) it opens nothing.", label="Expires on")
    owner = PersonField(
        Person.objects.all(), required=False, empty_label="Nobody", help_text="Who rotates it when it is due."
    )

    def __init__(self, *args: Any, current_owner: Person | None, stays: Refusal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # An owner who left stays on the form: other changes do not replace them (I3).
        active = Q(is_active=True, left_at__isnull=True)
        owner: Any = self.fields["owner"]
        was_shown = number(self.data.get("initial-owner"))
        stay = [pk for pk in (current_owner.pk if current_owner is not None else None, was_shown) if pk is not None]
        owner.queryset = Person.objects.filter(active | Q(pk__in=stay))
        if stays is not None and not self.is_bound:
            owner.disabled, owner.help_text = True, stays.words
        for field in self.fields.values():
            field.show_hidden_initial = True  # value that the page showed, so that an old page undoes no change

    @property
    def changed_fields(self) -> dict[str, Any]:
        """Fields that the person changed."""
        given = {name: self.cleaned_data[name] for name in self.changed_data}
        return {name: _instant(value) if name in INSTANTS else value for name, value in given.items()}


#: Form fields that the register keeps as instants.
INSTANTS = ("issued_at", "rotated_at", "expires_at")


def _instant(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day is not None else None


def _as_day(at: datetime | None) -> date | None:
    return at.astimezone(UTC).date() if at is not None else None


@require_http_methods(["GET", "POST"])
def describe_credential(request: Request, pk: int) -> HttpResponse:
    """Set lifetime, age, due dates and owner of a credential."""
    credential, now = visible_row(request, Credential, pk, *RELATED)
    initial = {name: getattr(credential, name) for name in FactsForm.base_fields}
    shown = initial | {name: _as_day(initial[name]) for name in INSTANTS}
    stays = transitions.owner_refusal(credential, request.actor, now)
    form = FactsForm(request.POST or None, current_owner=credential.owner, stays=stays, initial=shown)
    return operation_form(
        request,
        credential,
        transitions.describe_credential,
        form,
        title=f"What is known of {credential}",
        label="Save",
        text="Never the secret itself: only when and who. Leave empty what you do not know.",
        arguments=lambda _: {"fields": form.changed_fields},
    )


class ReachForm(SecretFreeForm):
    """Reach of a credential."""

    known = forms.ChoiceField(
        label="What it opens",
        choices=[("yes", "What is chosen below, and nothing else"), ("no", "Not known, or more than that")],
        widget=forms.RadioSelect,
    )
    codes = forms.MultipleChoiceField(
        label="Entitlements",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose from the list."},
    )

    def __init__(self, *args: Any, opens: Resource | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        entitlements = opens.entitlements.order_by("code", "pk") if opens is not None else ()
        codes: Any = self.fields["codes"]
        codes.choices = [(each.code, f"{each.words} ({each.code})") for each in entitlements]

    def clean(self) -> dict[str, Any]:
        """Refuse a form that gives both answers."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("known") == "no" and given.get("codes"):
            self.add_error("known", "You chose what it opens as well: say one or the other.")
        return given


@require_http_methods(["GET", "POST"])
def declare_reach(request: Request, pk: int) -> HttpResponse:
    """Declare the entitlements that a credential opens, or that they are unknown."""
    credential, _ = visible_row(request, Credential, pk, *RELATED)
    initial = {"known": "no" if credential.reach_kind == Reach.UNKNOWN else "yes", "codes": credential.reach}
    form = ReachForm(request.POST or None, initial=initial if credential.reach_at else {}, opens=credential.opens)

    on = credential.opens.name if credential.opens else "a resource that nobody has named"
    return operation_form(
        request,
        credential,
        transitions.declare_reach,
        form,
        title=f"What {credential} opens",
        label="Save",
        text=f"It opens {on}. Automations that use it are assessed again. Approvers see any further reach.",
        arguments=lambda given: {"codes": given["codes"] if given["known"] == "yes" else None},
    )


class StoreForm(SecretFreeForm):
    """Store of a credential."""

    store = forms.ModelChoiceField(Resource.objects.none(), required=False, empty_label="None of these")


@require_http_methods(["GET", "POST"])
def claim_store(request: Request, pk: int) -> HttpResponse:
    """Name the store of a credential, or withdraw the claim."""
    credential, now = visible_row(request, Credential, pk, *RELATED)
    form = StoreForm(request.POST or None, initial={"store": credential.said_kept_in_id})
    stores = Resource.objects.visible_to(request.actor, now).filter(kind=ResourceKind.SECRET_STORE)
    choice: Any = form.fields["store"]
    choice.queryset = stores.filter(state=ResourceState.ACTIVE).distinct()
    return operation_form(
        request,
        credential,
        transitions.claim_store,
        form,
        title=f"Where {credential} is kept",
        label="Say so",
        text="The owner of that store confirms or refuses it. Then they decide about this credential where it is asked for.",
    )


@require_POST
def confirm_store(request: Request, pk: int) -> HttpResponse:
    """Confirm that a store keeps a credential."""
    return _answer(request, pk, transitions.confirm_store)


@require_POST
def refuse_store(request: Request, pk: int) -> HttpResponse:
    """Refuse that a store keeps a credential."""
    return _answer(request, pk, transitions.refuse_store)


def _answer(request: Request, pk: int, verb: Transition[Credential]) -> HttpResponse:
    credential, now = visible_row(request, Credential, pk, *RELATED)
    store = number(request.POST.get("store")) or 0
    verb(credential, actor=request.actor, now=now, store=store)
    # A former owner saw the credential through the store; after the refusal they may not see it.
    is_seen = Credential.objects.visible_to(request.actor, now).filter(pk=pk).exists()
    return finish(request, verb, credential.href if is_seen else "resource_list")
