"""People with a stake: authors that a source names, and parties of automations that use a credential (S1, T1). Reads only.

An export names an account of its platform. n8n's REST export has the owner's confirmed mail address, which is the
account name there. Names are never matched. An address must be equal to a person's subject or mail address.

A mail address signs no person in (`Person`), and a file can be edited. So a match only removes rights: a matching
person is a party and decides nothing. If several people have the address, each of them is a party. A wrong match passes
a decision to the next approver; a missing match would allow self-approval. The preview and the automation's page show a
name only for a single match.

The check runs before a submission, whose parties count later. It includes approved and newer versions, because a
credential's reach sets the tier of both.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from governance.core.access import Actor
from governance.core.engine import hooks
from governance.core.models import Person
from inventory.models import Automation, AutomationState, Credential, Reach, Version, VersionAuthor

#: An address alone, or after a name: "Rita Novak <rita@example.org>". A name may contain a "<".
_ACCOUNT = re.compile(r"(?:.*<)?([^<>@\s]+@[^<>@\s]+?)>?")


def account_of(hint: str) -> str:
    """Account in a hint, in lower case; empty for a mere name."""
    match = _ACCOUNT.fullmatch(hint.strip())
    return match[1].lower() if match is not None and ("<" in hint) == hint.strip().endswith(">") else ""


def single_matches(hints: Iterable[str]) -> dict[str, Person]:
    """The only matching person by hint; hints with no match or several are left out."""
    return {hint: next(iter(people)) for hint, people in all_matches(hints).items() if len(people) == 1}


def all_matches(hints: Iterable[str]) -> dict[str, set[Person]]:
    """All matching people by hint; hints without a match are left out.

    One query; none without an account in any hint. People who left match too: they stay parties.
    """
    named = {hint: address for hint in hints if (address := account_of(hint))}
    people = Person.objects.annotate(account=Lower("subject"), address=Lower("email")).order_by()
    wanted = set(named.values())
    people_by_address: dict[str, set[Person]] = {}
    for person in people.filter(Q(account__in=wanted) | Q(address__in=wanted)):
        for account_name in {person.subject.lower(), person.email.lower()} & wanted:
            people_by_address.setdefault(account_name, set()).add(person)
    return {hint: people_by_address[address] for hint, address in named.items() if address in people_by_address}


def author_ids(versions: QuerySet[Version] | list[Version]) -> set[int]:
    """Ids of the people that the sources of some versions name, with people who joined after the import."""
    rows = list(VersionAuthor.objects.filter(version__in=versions).order_by().values_list("person", "said__text"))
    person_ids = {person_id for person_id, _ in rows if person_id is not None}
    named = all_matches(hint for person_id, hint in rows if person_id is None)
    return person_ids.union(*({person.pk for person in people} for people in named.values()))


#: History reasons for changes of an automation's content. Admins who assign owners and approvers are in the history
#: too; they changed no content.
CONTENT_REASONS = ("automation.registered", "automation.amended", "version.")

#: Condition for the approved version and newer ones.
COUNTED_VERSION = Q(automation__approved_version__isnull=True) | Q(
    number__gte=F("automation__approved_version__number")
)


#: Bar for statements about an automation's connections: people whose statement lowers no risk, because they are
#: parties. A higher app knows them (see `hooks.bar`).
CONNECTION_STATEMENTS = "credential.reach_counted"


def party_ids(
    automation: Automation, credentials: Iterable[Credential], now: datetime, bindings: Collection[tuple[str, str]] = ()
) -> set[int]:
    """Ids of the people whose statements about connections and credentials do not count for an automation (S1).

    Args:
        automation: saved.
        credentials: its credentials.
        now: business time.
        bindings: keys of its connections that could rest on parties. Without any, and without a declared credential, no query runs.
    """
    if all(credential.reach_kind != Reach.DECLARED for credential in credentials) and not bindings:
        return set()
    return set(hooks.barred(CONNECTION_STATEMENTS, automation, now))


def stake_in_credential(credential: Credential, actor: Actor) -> str | None:
    """Sentence for a stake of the actor, or of the person represented, in a credential; None without a stake.

    A fixed number of queries, cached for one actor of a page with several rules.

    Args:
        credential: the described credential.
        actor: the person who describes it.
    """
    key = (stake_in_credential, credential.pk)
    if key not in actor.memory:
        uses = uses_of_credential(credential).order_by("pk")
        actor.memory[key] = _stake_of_people(uses, actor.people_ids)
    words: str | None = actor.memory[key]
    return words


def uses_of_credential(credential: Credential) -> QuerySet[Automation]:
    """Automations with any version that uses a credential, without retired ones."""
    uses = Automation.objects.filter(versions__version_credentials__credential=credential)
    return uses.exclude(state=AutomationState.RETIRED)


def _stake_of_people(uses: QuerySet[Automation], people: Collection[int]) -> str | None:
    owns = Q(business_owner__in=people) | Q(technical_owner__in=people)
    is_proposed_owner = Q(amendment__business_owner_id__in=people) | Q(amendment__technical_owner_id__in=people)
    if (owned := uses.filter(owns | is_proposed_owner).first()) is not None:
        return f"{owned.name} uses this credential and you own it"
    brought_in = Version.objects.filter(COUNTED_VERSION, automation=OuterRef("pk"), imported_by__in=people)
    if (wrote := uses.filter(Exists(brought_in) | _had_a_part(people)).first()) is not None:
        return f"{wrote.name} uses this credential, and you imported it or had a part in it"
    counted = Version.objects.filter(COUNTED_VERSION, automation__in=uses.order_by().values("pk"))
    if author_ids(counted).isdisjoint(people):
        return None
    return "The source of an automation that uses this credential names you as its author"


def _had_a_part(people: Collection[int]) -> Q:
    """Automations whose history since the approved version names some people as editors or owners."""
    rows = Automation.history.model.objects.filter(id=OuterRef("pk"))
    is_content = reduce(or_, (Q(history_change_reason__startswith=why) for why in CONTENT_REASONS))
    wrote = Q(history_user__in=people) & is_content
    owned = Q(business_owner__in=people) | Q(technical_owner__in=people) | Q(interim__person__in=people)
    rows = rows.filter(wrote | owned)
    since = rows.filter(history_date__gt=OuterRef("approved_version__created_at"))
    return Q(Exists(since)) | Q(Exists(rows), approved_version__isnull=True)
