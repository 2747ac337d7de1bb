"""Pages of conflicts in held access: the list, by rule and owner, and one conflict with its resolution (S6)."""

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
from approvals.conflicts.held_access import RUNS_AS, WAYS, held_by_entitlement, higher_environment, legs_of
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

#: Rows on a page.
PAGE = 50
#: Limit of owners in the filter.
OWNERS = 200
#: Labels of the chips, by the value in the URL.
SHOWN = {"": "Open", "waived": "Waived", "again": "Waiver over", "ended": "Over"}
#: Links to related lists.
RELATED_LISTS = (("Waivers", "clock", "waiver_list"), ("Rules", "conflict", "conflict_rules"))
EMPTY = {
    "": "What somebody holds together that a rule says nobody may would be here.",
    "waived": "Conflicts that security allows for a while would be here.",
    "again": "Conflicts whose waiver is over and that are still held would be here.",
    "ended": "Conflicts that were resolved, or whose rule was given up or changed, would be here.",
}


#: States of conflicts that ended without resolution: the rule was given up, or its scope changed.
ENDED_BY = {"rule_given_up": "given_up", RULE_CHANGED: "changed"}
#: Text for a leg whose access the reader may not see.
UNSEEN = "Held by automations that you don’t see."
#: Text for a leg whose access is no longer held.
NOT_HELD = "Nothing that is held does this any more."


@require_GET
def conflict_list(request: Request) -> HttpResponse:
    """List the conflicts that the reader may see, newest first. Filters are in the URL."""
    now, query = business_time.now(), request.GET
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    before, kept = number(query.get("before")), _read_filters(query, show)
    visible = Conflict.objects.visible_to(request.actor, now)
    seen = _apply_filters(visible, kept, Automation.objects.visible_to(request.actor, now).order_by())
    filtered = seen.standing(show, now).telling_waived(now)
    rows = list(
        (filtered.filter(pk__lt=before) if before else filtered).select_related("rule").order_by("-pk")[: PAGE + 1]
    )
    older = {"before": rows[PAGE - 1].pk} if len(rows) > PAGE else {}
    return page(
        request,
        "approvals/conflicts/conflicts.html",
        {
            "now": now,
            "head": {
                "title": "Conflicts",
                "facts": ["what may not be held together, and is"],
                "actions": [
                    {"label": label, "icon": icon, "href": reverse(name)} for label, icon, name in RELATED_LISTS
                ],
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
                "fields": [pager.choice(query, "owner", "Owner", _owner_choices(visible, request.actor, now))],
                "clear_href": "",
            },
            "filtered": _filter_line(kept, request.actor, now),
            "rows": list_rows(rows[:PAGE], request.actor, now),
            "empty": EMPTY[show],
            "pager": {"newer_href": _href(kept) if before else "", "older_href": _href(kept | older) if older else ""},
        },
    )


def _href(kept: Mapping[str, Any]) -> str:
    encoded = urlencode({name: value for name, value in kept.items() if value})
    return f"{reverse('conflict_list')}?{encoded}" if encoded else reverse("conflict_list")


def _read_filters(query: QueryDict, show: str) -> dict[str, Any]:
    """Return the filters in the URL."""
    numbers = {name: number(query.get(name)) for name in ("owner", "automation")}
    return {name: value for name, value in {"show": show, "rule": query.get("rule", ""), **numbers}.items() if value}


def _apply_filters(
    seen: ConflictQuerySet, kept: Mapping[str, Any], automations: AutomationQuerySet
) -> ConflictQuerySet:
    """Filter conflicts.

    Only automations that the reader may see count: otherwise a filter would reveal the owners of others.
    """
    if "rule" in kept:
        seen = seen.filter(code=kept["rule"])
    if "automation" in kept:
        seen = seen.filter(automations__overlap=ArraySubquery(automations.filter(pk=kept["automation"]).values("pk")))
    if "owner" in kept:
        owned = automations.filter(Q(business_owner=kept["owner"]) | Q(technical_owner=kept["owner"]))
        seen = seen.filter(automations__overlap=ArraySubquery(owned.values("pk")))
    return seen


def _owner_choices(seen: ConflictQuerySet, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """Return the owners of visible automations in these conflicts, by name. One query."""
    parts = seen.order_by().values(member=Func(F("automations"), function="unnest"))
    owned = Automation.objects.visible_to(actor, now).filter(pk__in=parts).order_by()
    owners = Q(pk__in=owned.values("business_owner")) | Q(pk__in=owned.values("technical_owner"))
    people = sorted(Person.objects.filter(owners)[:OWNERS], key=lambda person: person.name)
    return [(str(person.pk), person.name) for person in people]


def _filter_line(kept: Mapping[str, Any], actor: Actor, now: datetime) -> Shape | None:
    """Return a line about the filters by rule, automation and owner, with a link to remove them."""
    clauses = []
    if "rule" in kept:
        rule = ConflictRule.objects.filter(code=kept["rule"]).order_by("-number").first()
        clauses.append(f"of the rule “{rule.title if rule is not None else kept['rule']}”")
    if "automation" in kept:
        automation = Automation.objects.visible_to(actor, now).filter(pk=kept["automation"]).first()
        clauses.append(
            f"that {automation.name if automation is not None else 'an automation you don’t see'} has a part in"
        )
    if "owner" in kept:
        person = Person.objects.filter(pk=kept["owner"]).first()
        clauses.append(f"of automations that {person.name if person else 'somebody'} answers for")
    return (
        {"text": f"Only those {' and '.join(clauses)}.", "href": _href({"show": kept.get("show", "")})}
        if clauses
        else None
    )


def state_of(row: Conflict) -> str:
    """Return the word for a conflict's state. The row needs the waiver annotations."""
    if row.state == ConflictState.ENDED:
        return ENDED_BY.get(row.ended_why, "ended")
    if row.waived_until is not None:
        return "waived"
    if row.signed_by is not None:
        return "signed"
    return "again" if row.was_waived else "open"


def list_rows(rows: Sequence[Conflict], actor: Actor, now: datetime) -> list[Shape]:
    """Return conflicts as list rows. The rows need the waiver annotations. The number of queries is fixed."""
    owned, subjects = visible_automations(rows, actor, now), subject_names(rows)
    names = {pk: automation.name for pk, automation in owned.items()}
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
            "automations": _join_names([names[pk] for pk in row.automations if pk in names], len(row.automations)),
            "mode": row.rule.mode,
            "state": state_of(row),
            "since": row.opened_at,
            "until": row.waived_until or (row.due_at if row.state == ConflictState.OPEN else None),
            "until_words": "Waived until" if row.waived_until else "Resolve by",
        }
        for row in rows
    ]


def _join_names(names: Sequence[str], of: int) -> str:
    shown_names = list(names[:2])
    more = of - len(shown_names)
    return ", ".join([*shown_names, *([f"{more} more"] if more else [])])


def _owners_of(automations: Iterable[Automation]) -> list[Shape]:
    """Return the first business owners of some automations, each with a link to their conflicts."""
    owners = {automation.business_owner.pk: automation.business_owner.name for automation in automations}
    return [{"name": name, "href": _href({"owner": pk})} for pk, name in list(owners.items())[:2]]


def visible_automations(rows: Iterable[Conflict], actor: Actor, now: datetime) -> dict[int, Automation]:
    """Return the visible automations in some conflicts, with their owners. One query."""
    keys = {pk for row in rows for pk in row.automations}
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=keys).select_related("business_owner")
    return {automation.pk: automation for automation in seen.order_by()} if keys else {}


def subject_names(rows: Iterable[Conflict]) -> dict[str, dict[int, str]]:
    """Return names of the subjects of some conflicts, by scope and id.

    At most one query each for people, teams and identities.
    """
    keys: dict[str, set[int]] = {scope: set() for scope in Scope.values}
    for row in rows:
        keys[row.scope].add(row.subject)
    names_by_scope: dict[str, dict[int, str]] = {scope: {} for scope in Scope.values}
    if keys[Scope.OWNER]:
        people = Person.objects.filter(pk__in=keys[Scope.OWNER])
        names_by_scope[Scope.OWNER] = {person.pk: person.name for person in people}
    if keys[Scope.TEAM]:
        names_by_scope[Scope.TEAM] = dict(Team.objects.filter(pk__in=keys[Scope.TEAM]).values_list("pk", "name"))
    if keys[Scope.IDENTITY]:
        identities = NonHumanIdentity.objects.filter(pk__in=keys[Scope.IDENTITY])
        names_by_scope[Scope.IDENTITY] = {identity.pk: str(identity) for identity in identities}
    return names_by_scope


@require_GET
def conflict(request: Request, pk: int) -> HttpResponse:
    """Show one conflict: its access and owners, the rule, the reason, the resolution, waivers and activity."""
    now, actor = business_time.now(), request.actor
    seen = Conflict.objects.visible_to(actor, now).telling_waived(now)
    row = get_object_or_404(seen.select_related("rule"), pk=pk)
    rule, is_open = conflict_queries.parse_version(row.rule).rule, row.state == ConflictState.OPEN
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
                    f"{row.get_scope_display()}: {_subject_name(row, actor, now)}",
                    row.rule.process,
                    f"since {times.moment_words(row.opened_at, now)}",
                ],
                "actions": _waiver_actions(row, actor, now) if is_open else [],
            },
            "conflict": {
                "state": state_of(row),
                "rating": row.rule.rating,
                "until": row.waived_until or (row.due_at if is_open else None),
                "until_words": "Waived until" if row.waived_until else "Resolve by",
                "reason": rule.reason,
                "mode": _effect_words(row, now),
                "way_out": ""
                if not is_open
                else rule.resolve
                if row.waived_until or row.signed_by
                else check_automation.resolution_of(rule),
                "lacks": rule.without.name if rule.without is not None else "",
                "is_late": is_open and row.rule.mode == Mode.ENFORCE and not row.waived_until,
            },
            "legs": _leg_shapes(row, actor, now),
            "rule_href": row.rule.href,
            "waivers": [
                {
                    "href": waiver.href,
                    "state": waiver.state,
                    "text": f"{waiver.days} days, asked by {waiver.asked_by.name}",
                    "at": waiver.asked_at,
                }
                for waiver in waivers.select_related("asked_by").order_by("-pk")[:10]
            ],
            "events": timeline_queries.shapes(row, reader=actor.person, limit=30, actor=actor, now=now),
            "ledger_href": ledger_href(row, actor=actor, now=now),
        },
    )


def _effect_words(row: Conflict, now: datetime) -> str:
    """Return the effect of the conflict, or who signed it."""
    if row.signed_by is None:
        return conflict_rows.MODES[row.rule.mode]
    signature = ConflictSignature.objects.select_related("person", "for_person", "reason").get(pk=row.signed_by)
    return conflict_rows.signature_words(signature, now)


def _subject_name(row: Conflict, actor: Actor, now: datetime) -> str:
    if row.scope == Scope.CHAIN:
        return f"{len(row.automations)} automations"
    if row.scope == Scope.AUTOMATION:
        automation = visible_automations([row], actor, now).get(row.subject)
        return automation.name if automation is not None else "one that you don’t see"
    return subject_names([row])[row.scope].get(row.subject, f"{len(row.automations)} automations")


def _waiver_actions(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """Return the action to request a waiver, if the reader may for one of their automations in the conflict."""
    if row.waived_until is not None and row.waived_until > now + waiver_transitions.FOLLOW_UP_TIME:
        return []
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=row.automations).order_by("pk")
    own_automation = next(
        (automation for automation in seen[:20] if ask_waiver.refusal(automation, actor=actor, now=now) is None), None
    )
    if own_automation is None:
        return []
    href = f"{reverse('waiver_ask', args=[own_automation.pk])}?{urlencode({'rule': row.code, 'of': row.subject})}"
    return [{"label": "Ask for a waiver", "icon": "clock", "href": href}]


def _leg_shapes(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """Return what fills each leg, for automations that the reader may see. Other grants are counted."""
    seen = {
        automation.pk: automation
        for automation in Automation.objects.visible_to(actor, now).filter(pk__in=row.automations)
    }
    held = Grant.objects.filter(pk__in=row.grants, automation__in=seen).select_related(
        "automation", "entitlement__resource__owner", "approval__privilege__entitlement__resource"
    )
    grants, doors = list(held.order_by("automation_id", "pk")), list(_open_triggers(row, seen))
    shapes: list[Shape] = []
    for index, leg in legs_of(conflict_queries.parse_version(row.rule).rule):
        if index == 0:
            continue
        shapes_of_leg = [_grant_shape(grant) for grant in grants if grant.entitlement and _fills(leg, grant)]
        shapes_of_leg += [_trigger_shape(automation) for automation, door in doors if leg.matches(door)]
        if leg.matches(Held("", entry="identity")):
            shapes_of_leg += _identity_shapes(row, actor, now)
        nothing = {"sentence": UNSEEN if len(seen) < len(row.automations) else NOT_HELD}
        shapes.append({"name": leg.name, "things": shapes_of_leg or [nothing]})
    hidden = len(row.grants) - len(grants)
    if hidden:
        hidden_grants = f"{times.counted(hidden, 'grant')} of automations that you don’t see"
        shapes.append({"name": "And", "things": [{"sentence": hidden_grants}]})
    return shapes


def _open_triggers(row: Conflict, seen: Mapping[int, Automation]) -> Iterator[tuple[Automation, Held]]:
    """Yield the open triggers in a conflict with their automations. They have no grant; only their keys name them."""
    for key in row.keys:
        pk, _, item = key.partition("/")
        word, _, more = item.partition(":")
        if word == "trigger" and int(pk) in seen:
            yield seen[int(pk)], Held(key=key, code=more.partition(":")[0], entry="open")


def _trigger_shape(automation: Automation) -> Shape:
    sentence = "Somebody who has not signed in can start it."
    return {"sentence": sentence, "is_door": True, "automation": automation.name, "href": automation.href}


def _identity_shapes(row: Conflict, actor: Actor, now: datetime) -> list[Shape]:
    """Return the visible automations in a conflict that run as the identity, and the number of others (I5)."""
    keys = [key for key in row.keys if key.endswith(f"/{RUNS_AS}")]
    automation_ids = [int(key.partition("/")[0]) for key in keys]
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=automation_ids).order_by("name", "pk")
    lines = [{"sentence": f"{automation.name} runs as this identity", "to": automation.href} for automation in seen]
    hidden = len(automation_ids) - len(lines)
    return [*lines, *([{"sentence": f"{hidden} that you don’t see"}] if hidden else [])]


def _fills(leg: Leg, grant: Grant) -> bool:
    assert grant.entitlement is not None
    level, model_controlled, opaque, environment = WAYS[grant.held_as]
    entitlement = held_by_entitlement(grant.entitlement)
    held = replace(
        entitlement,
        level=level,
        model_controlled=model_controlled,
        opaque=opaque,
        environment=higher_environment(environment, entitlement.environment),
    )
    return leg.matches(held)


def _grant_shape(grant: Grant) -> Shape:
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
