"""Who has a stake in what is said of a credential or an entitlement: whoever owns, brought in or wrote something that uses it (S1, T1). Reads only.

It is asked before there is a submission, whose parties would be asked instead, and it counts what runs as well as what comes next: what
a credential is said to open makes the tier of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from types import MappingProxyType

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from governance.core.actors.actor import Actor
from governance.core.engine import hooks
from inventory.models import (
    Automation,
    AutomationState,
    Binding,
    Credential,
    Entitlement,
    Reach,
    Version,
)
from inventory.ownership import authors

#: What the history calls the writing of something that a submission decides about. Admins who assign owners and approvers whose
#: decision moved the state are in the history too; they wrote nothing.
WROTE = ("automation.registered", "automation.amended", "version.")

#: A version that is approved, or came after the one that is.
COUNTS = Q(automation__approved_version__isnull=True) | Q(number__gte=F("automation__approved_version__number"))


#: Of an automation, whose word on what a credential opens makes nothing of it less risky: whoever is a party of it, which a higher app
#: knows (see `consequences.bar`).
OWN_WORD = "credential.reach_counted"


def people_in(
    automation: Automation,
    credentials: Iterable[Credential],
    now: datetime,
    bindings: Mapping[tuple[str, str], Binding] = MappingProxyType({}),
) -> set[int]:
    """Ids of those whose word on what a credential or a connection opens counts for nothing in an automation: all who have a part in it (S1).

    Args:
        automation: saved.
        credentials: that it uses.
        now: business time.
        bindings: of its connections; nobody is looked up where nobody has said what one of these or of the credentials opens.
    """
    if all(credential.reach_kind != Reach.DECLARED for credential in credentials) and not bindings:
        return set()
    return set(hooks.barred(OWN_WORD, automation, now))


def in_credential(credential: Credential, actor: Actor) -> str | None:
    """The words for a stake of whoever acts, or of whom they stand in for, in a credential; None where there is none.

    A fixed number of queries, asked once for an actor that a page asks several rules about.

    Args:
        credential: that something is said of.
        actor: who would say it.
    """
    return _part_of_actor(actor, "this credential", credential, uses_of_credential(credential))


def in_entitlement(entitlement: Entitlement, actor: Actor) -> str | None:
    """The same for an entitlement: whoever has a part in what holds it, or asks for it."""
    return _part_of_actor(actor, "this", entitlement, uses_of_entitlement(entitlement))


def uses_of_credential(credential: Credential) -> QuerySet[Automation]:
    """What a credential is used by, in whichever version, as long as it is not retired."""
    uses = Automation.objects.filter(versions__version_credentials__credential=credential)
    return uses.exclude(state=AutomationState.RETIRED)


def uses_of_entitlement(entitlement: Entitlement) -> QuerySet[Automation]:
    """What an entitlement is held or asked for by, likewise."""
    uses = Automation.objects.filter(versions__privileges__entitlement=entitlement)
    return uses.exclude(state=AutomationState.RETIRED)


def _part_of_actor(actor: Actor, part: str, row: Model, uses: QuerySet[Automation]) -> str | None:
    key = (in_credential, type(row), row.pk)
    if key not in actor.memory:
        actor.memory[key] = _part_of_people(part, uses.order_by("pk"), {person.pk for person in actor.people})
    words: str | None = actor.memory[key]
    return words


def _part_of_people(part: str, uses: QuerySet[Automation], people: Collection[int]) -> str | None:
    owns = Q(business_owner__in=people) | Q(technical_owner__in=people)
    is_proposed_owner = Q(amendment__business_owner_id__in=people) | Q(amendment__technical_owner_id__in=people)
    if (owned := uses.filter(owns | is_proposed_owner).first()) is not None:
        return f"{owned.name} uses {part} and you answer for it"
    brought_in = Version.objects.filter(COUNTS, automation=OuterRef("pk"), imported_by__in=people)
    if (wrote := uses.filter(Exists(brought_in) | _had_a_part(people)).first()) is not None:
        return f"{wrote.name} uses {part}, and you brought it in or had a part in it"
    counted = Version.objects.filter(COUNTS, automation__in=uses.order_by().values("pk"))
    if authors.of(counted).isdisjoint(people):
        return None
    return f"The source of an automation that uses {part} names you as its author"


def _had_a_part(people: Collection[int]) -> Q:
    """Automations whose history, since the approved version was made, has a row that some people wrote or in which they answered for it."""
    rows = Automation.history.model.objects.filter(id=OuterRef("pk"))
    wrote = Q(history_user__in=people) & reduce(or_, (Q(history_change_reason__startswith=why) for why in WROTE))
    owned = Q(business_owner__in=people) | Q(technical_owner__in=people) | Q(interim__person__in=people)
    rows = rows.filter(wrote | owned)
    since = rows.filter(history_date__gt=OuterRef("approved_version__created_at"))
    return Q(Exists(since)) | Q(Exists(rows), approved_version__isnull=True)
