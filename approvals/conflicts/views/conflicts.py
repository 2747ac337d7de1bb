"""Conflicts in what is held: which there are, by rule and by owner, and one of them with what would resolve it (S6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.held_access import RUNS_AS, WAYS, higher, legs_of, of_entitlement
from approvals.conflicts.rule_language.rule import Leg
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.transitions import RULE_CHANGED
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import Conflict, ConflictRule, ConflictSignature, ConflictState, Grant, Waiver
from approvals.models.conflict import ConflictQuerySet, Mode, Scope
from approvals.waivers import transitions as waiver_transitions
from approvals.waivers.transitions import ask_waiver
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.models import Person, Team
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Automation, NonHumanIdentity
from inventory.models.automation import AutomationQuerySet

Shape = dict[str, Any]

#: Rows of a page.
PAGE = 50
#: Owners that the filter offers.
OWNERS = 200
#: What the chips show, by the word in the address.
SHOWN = {"": "Open", "waived": "Waived", "again": "Waiver over", "ended": "Over"}
#: What the list leads to beside.
BESIDE = (("Waivers", "clock", "waiver_list"), ("Rules", "conflict", "conflict_rules"))
EMPTY = {
    "": "What somebody holds together that a rule says nobody may would be here.",
    "waived": "Conflicts that security allows for a while would be here.",
    "again": "Conflicts whose waiver is over and that are still held would be here.",
    "ended": "Conflicts that were resolved, or whose rule was given up or changed, would be here.",
}


#: How one is called that has ended otherwise than by being resolved: nobody asks for its rule any more, or that looks at somebody else.
ENDED_BY = {"rule_given_up": "given_up", RULE_CHANGED: "changed"}
#: What is said of a leg of which the reader sees nothing.
UNSEEN = "Held by automations that you don’t see."
#: The same where there is nothing more to see.
GONE = "Nothing that is held does this any more."


@require_GET
def conflict_list(request: Request) -> HttpResponse:
    """The conflicts that the reader may see, newest first; filters live in the address."""
    now, asked = business_time.now(), request.GET
    show = asked.get("show", "") if asked.get("show", "") in SHOWN else ""
    before, kept = number(asked.get("before")), _kept(asked, show)
    visible = Conflict.objects.visible_to(request.actor, now)
    seen = _narrowed(visible, kept, Automation.objects.visible_to(request.actor, now).order_by())
    found = seen.standing(show, now).telling_waived(now)
    rows = list((found.filter(pk__lt=before) if before else found).select_related("rule").order_by("-pk")[: PAGE + 1])
    older = {"before": rows[PAGE - 1].pk} if len(rows) > PAGE else {}
    return page(
        request,
        "approvals/conflicts/conflicts.html",
        {
            "now": now,
            "head": {
                "title": "Conflicts",
                "facts": ["what may not be held together, and is"],
                "actions": [{"label": label, "icon": icon, "href": reverse(name)} for label, icon, name in BESIDE],
            },
            "chips": [
                {
                    "label": label,
                    "href": _href({**kept, "show": word}),
                    "current": word == show,
                    "count": seen.standing(word, now)[:100].count() if word != "ended" else None,
                }
                for word, label in SHOWN.items()
            ],
            "filters": {
                "action": reverse("conflict_list"),
                "words": None,
                "kept": {name: value for name, value in kept.items() if name != "owner"},
                "fields": [pager.choice(asked, "owner", "Owner", _owners(visible, request.actor, now))],
                "clear_href": "",
            },
            "filtered": _filtered(kept, request.actor, now),
            "rows": rows_of(rows[:PAGE], request.actor, now),
            "empty": EMPTY[show],
            "pager": {"newer_href": _href(kept) if before else "", "older_href": _href(kept | older) if older else ""},
        },
    )


def _href(kept: Mapping[str, Any]) -> str:
    said = urlencode({name: value for name, value in kept.items() if value})
    return f"{reverse('conflict_list')}?{said}" if said else reverse("conflict_list")


def _kept(asked: QueryDict, show: str) -> dict[str, Any]:
    """What the address narrows the list to."""
    whom = {name: number(asked.get(name)) for name in ("owner", "automation")}
    return {name: value for name, value in {"show": show, "rule": asked.get("rule", ""), **whom}.items() if value}


def _narrowed(seen: ConflictQuerySet, kept: Mapping[str, Any], automations: AutomationQuerySet) -> ConflictQuerySet:
    """Narrowed by automations that the reader sees alone: which row stays would tell who owns the others."""
    if "rule" in kept:
        seen = seen.filter(code=kept["rule"])
    if "automation" in kept:
        seen = seen.filter(automations__overlap=ArraySubquery(automations.filter(pk=kept["automation"]).values("pk")))
    if "owner" in kept:
        owned = automations.filter(Q(business_owner=kept["owner"]) | Q(technical_owner=kept["owner"]))
        seen = seen.filter(automations__overlap=ArraySubquery(owned.values("pk")))
    return seen


def _owners(seen: ConflictQuerySet, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """Who owns an automation that the reader may see and that has a part in one of these, by name: one query."""
    parts = seen.order_by().values(one=Func(F("automations"), function="unnest"))
    owned = Automation.objects.visible_to(actor, now).filter(pk__in=parts).order_by()
    owners = Q(pk__in=owned.values("business_owner")) | Q(pk__in=owned.values("technical_owner"))
    people = sorted(Person.objects.filter(owners)[:OWNERS], key=lambda person: person.name)
    return [(str(person.pk), person.name) for person in people]


def _filtered(kept: Mapping[str, Any], actor: Actor, now: datetime) -> Shape | None:
    """What else the list is narrowed to, with the way back to all of it; a rule by its title."""
    said = []
    if "rule" in kept:
        rule = ConflictRule.objects.filter(code=kept["rule"]).order_by("-number").first()
        said.append(f"of the rule “{rule.title if rule is not None else kept['rule']}”")
    if "automation" in kept:
        one = Automation.objects.visible_to(actor, now).filter(pk=kept["automation"]).first()
        said.append(f"that {one.name if one is not None else 'an automation you don’t see'} has a part in")
    if "owner" in kept:
        person = Person.objects.filter(pk=kept["owner"]).first()
        said.append(f"of automations that {person.name if person else 'somebody'} answers for")
    return (
        {"text": f"Only those {' and '.join(said)}.", "href": _href({"show": kept.get("show", "")})} if said else None
    )


def state_of(row: Conflict) -> str:
    """The word for how a conflict stands, read with what tells of its waivers."""
    if row.state == ConflictState.ENDED:
        return ENDED_BY.get(row.ended_why, "ended")
    if row.waived_until is not None:
        return "waived"
    if row.signed_by is not None:
        return "signed"
    return "again" if row.was_waived else "open"


def rows_of(rows: Sequence[Conflict], actor: Actor, now: datetime) -> list[Shape]:
    """Some conflicts as lines of a list, read with what tells of their waivers; a fixed number of queries."""
    owned, subjects = owned_of(rows, actor, now), subjects_of(rows)
    names = {pk: one.name for pk, one in owned.items()}
    return [
        {
            "href": row.href,
            "title": row.rule.title,
            "rating": row.rule.rating,
            "scope": f"{row.get_scope_display()}: {subjects[row.scope].get(row.subject, 'one that you don’t see')}"
            if row.scope not in (Scope.AUTOMATION, Scope.CHAIN)
            else "A chain"
            if row.scope == Scope.CHAIN
            else "",
            "owners": _owners_of([owned[pk] for pk in row.automations if pk in owned]),
            "automations": _listed([names[pk] for pk in row.automations if pk in names], len(row.automations)),
            "mode": row.rule.mode,
            "state": state_of(row),
            "since": row.opened_at,
            "until": row.waived_until or (row.due_at if row.state == ConflictState.OPEN else None),
            "until_words": "Waived until" if row.waived_until else "Resolve by",
        }
        for row in rows
    ]


def _listed(names: Sequence[str], of: int) -> str:
    said = list(names[:2])
    more = of - len(said)
    return ", ".join([*said, *([f"{more} more"] if more else [])])


def _owners_of(automations: Iterable[Automation]) -> list[Shape]:
    """The business owners of some automations, each with the list of theirs; the first few."""
    found = {one.business_owner.pk: one.business_owner.name for one in automations}
    return [{"name": name, "href": _href({"owner": pk})} for pk, name in list(found.items())[:2]]


def owned_of(rows: Iterable[Conflict], actor: Actor, now: datetime) -> dict[int, Automation]:
    """The automations that have a part in some conflicts and that the reader may see, with their owners: one query."""
    keys = {pk for row in rows for pk in row.automations}
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=keys).select_related("business_owner")
    return {one.pk: one for one in seen.order_by()} if keys else {}


def subjects_of(rows: Iterable[Conflict]) -> dict[str, dict[int, str]]:
    """What the subjects of some conflicts are called, by scope and id: a query each for people, teams and identities that stand there."""
    keys: dict[str, set[int]] = {scope: set() for scope in Scope.values}
    for row in rows:
        keys[row.scope].add(row.subject)
    found: dict[str, dict[int, str]] = {scope: {} for scope in Scope.values}
    if keys[Scope.OWNER]:
        people = Person.objects.filter(pk__in=keys[Scope.OWNER])
        found[Scope.OWNER] = {person.pk: person.name for person in people}
    if keys[Scope.TEAM]:
        found[Scope.TEAM] = dict(Team.objects.filter(pk__in=keys[Scope.TEAM]).values_list("pk", "name"))
    if keys[Scope.IDENTITY]:
        identities = NonHumanIdentity.objects.filter(pk__in=keys[Scope.IDENTITY])
        found[Scope.IDENTITY] = {one.pk: str(one) for one in identities}
    return found


@require_GET
def conflict(request: Request, pk: int) -> HttpResponse:
    """One conflict: what is held of it by whom, the rule, why it matters, what would resolve it, its waivers, what happened."""
    now, actor = business_time.now(), request.actor
    seen = Conflict.objects.visible_to(actor, now).telling_waived(now)
    row = get_object_or_404(seen.select_related("rule"), pk=pk)
    rule, is_open = conflict_queries.of(row.rule).rule, row.state == ConflictState.OPEN
    waivers = Waiver.objects.visible_to(actor, now).of_the_same(row.code, row.scope, row.subject, row.keys)
    return page(
        request,
        "approvals/conflicts/conflict.html",
        {
            "now": now,
            "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": row.rule.title, "href": ""}],
            "head": {
                "title": row.rule.title,
                "facts": [
                    f"{row.get_scope_display()}: {_subject(row, actor, now)}",
                    row.rule.process,
                    f"since {times.moment_words(row.opened_at, now)}",
                ],
                "actions": _ways(row, actor, now) if is_open else [],
            },
            "conflict": {
                "state": state_of(row),
                "rating": row.rule.rating,
                "until": row.waived_until or (row.due_at if is_open else None),
                "until_words": "Waived until" if row.waived_until else "Resolve by",
                "reason": rule.reason,
                "mode": _does(row, now),
                "way_out": ""
                if not is_open
                else rule.resolve
                if row.waived_until or row.signed_by
                else check_automation.way_out(rule),
                "lacks": rule.without.name if rule.without is not None else "",
                "is_late": is_open and row.rule.mode == Mode.ENFORCE and not row.waived_until,
            },
            "legs": _legs(row, actor, now),
            "rule_href": row.rule.href,
            "waivers": [
                {
                    "href": one.href,
                    "state": one.state,
                    "text": f"{one.days} days, asked by {one.asked_by.name}",
                    "at": one.asked_at,
                }
                for one in waivers.select_related("asked_by").order_by("-pk")[:10]
            ],
            "events": timeline_queries.shapes(row, reader=actor.person, limit=30, actor=actor, now=now),
            "ledger_href": ledger_href(row, actor=actor, now=now),
        },
    )


def _does(row: Conflict, now: datetime) -> str:
    """What it does; who signed it, once somebody has."""
    if row.signed_by is None:
        return conflict_rows.MODES[row.rule.mode]
    signature = ConflictSignature.objects.select_related("person", "for_person", "reason").get(pk=row.signed_by)
    return conflict_rows.signed_words(signature, now)


def _subject(row: Conflict, actor: Actor, now: datetime) -> str:
    if row.scope == Scope.CHAIN:
        return f"{len(row.automations)} automations"
    if row.scope == Scope.AUTOMATION:
        found = owned_of([row], actor, now).get(row.subject)
        return found.name if found is not None else "one that you don’t see"
    return subjects_of([row])[row.scope].get(row.subject, f"{len(row.automations)} automations")


def _ways(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """A waiver, for whoever may ask for one for an automation of theirs that has a part in it."""
    if row.waived_until is not None and row.waived_until > now + waiver_transitions.SOON:
        return []
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=row.automations).order_by("pk")
    mine = next((one for one in seen[:20] if ask_waiver.refusal(one, actor=actor, now=now) is None), None)
    if mine is None:
        return []
    href = f"{reverse('waiver_ask', args=[mine.pk])}?{urlencode({'rule': row.code, 'of': row.subject})}"
    return [{"label": "Ask for a waiver", "icon": "clock", "href": href}]


def _legs(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """By leg of the rule: what fills it, in words, of automations that the reader may see; the others are counted."""
    seen = {one.pk: one for one in Automation.objects.visible_to(actor, now).filter(pk__in=row.automations)}
    held = Grant.objects.filter(pk__in=row.grants, automation__in=seen).select_related(
        "automation", "entitlement__resource__owner", "approval__privilege__entitlement__resource"
    )
    grants, doors = list(held.order_by("automation_id", "pk")), list(_doors(row, seen))
    shapes: list[Shape] = []
    for index, leg in legs_of(conflict_queries.of(row.rule).rule):
        if index == 0:
            continue
        things = [_thing(one) for one in grants if one.entitlement and _fills(leg, one)]
        things += [_door(automation) for automation, door in doors if leg.matches(door)]
        if leg.matches(Held("", entry="identity")):
            things += _running(row, actor, now)
        nothing = {"sentence": UNSEEN if len(seen) < len(row.automations) else GONE}
        shapes.append({"name": leg.name, "things": things or [nothing]})
    hidden = len(row.grants) - len(grants)
    if hidden:
        said = f"{times.counted(hidden, 'grant')} of automations that you don’t see"
        shapes.append({"name": "And", "things": [{"sentence": said}]})
    return shapes


def _doors(row: Conflict, seen: Mapping[int, Automation]) -> Iterator[tuple[Automation, Held]]:
    """The open ways in that have a part in a conflict, each with its automation; no grant gives one, so that its keys alone name it."""
    for key in row.keys:
        pk, _, what = key.partition("/")
        word, _, more = what.partition(":")
        if word == "trigger" and int(pk) in seen:
            yield seen[int(pk)], Held(key=key, code=more.partition(":")[0], entry="open")


def _door(automation: Automation) -> Shape:
    said = "Somebody who has not signed in can start it."
    return {"sentence": said, "is_door": True, "automation": automation.name, "href": automation.href}


def _running(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """The automations of a conflict that run as an identity and that the reader may see, and how many others do (I5)."""
    keys = [key for key in row.keys if key.endswith(f"/{RUNS_AS}")]
    of = [int(key.partition("/")[0]) for key in keys]
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=of).order_by("name", "pk")
    said = [{"sentence": f"{one.name} runs as this identity", "to": one.href} for one in seen]
    hidden = len(of) - len(said)
    return [*said, *([{"sentence": f"{hidden} that you don’t see"}] if hidden else [])]


def _fills(leg: Leg, grant: Grant) -> bool:
    assert grant.entitlement is not None
    level, model_controlled, opaque, environment = WAYS[grant.held_as]
    entitlement = of_entitlement(grant.entitlement)
    held = replace(
        entitlement,
        level=level,
        model_controlled=model_controlled,
        opaque=opaque,
        environment=higher(environment, entitlement.environment),
    )
    return leg.matches(held)


def _thing(grant: Grant) -> Shape:
    assert grant.entitlement is not None
    owner = grant.entitlement.resource.owner
    return {
        "sentence": grant.sentence,
        "scope": grant.raw_scope,
        "level": grant.level,
        "automation": grant.automation.name,
        "href": grant.automation.href,
        "owner": owner.name if owner is not None else "nobody",
        "ends": grant.ends_at,
    }
