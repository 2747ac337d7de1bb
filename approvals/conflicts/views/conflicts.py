"""Pages of conflicts in held access: the list, by rule and owner, and one conflict with its resolution (S6)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, Func, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts import held_access
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.rows import MODES, signature_words
from approvals.conflicts.rule_language.rule import WITHOUT, Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.transitions import RULE_CHANGED
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import Conflict, ConflictRule, ConflictSignature, ConflictState, Grant, Waiver
from approvals.models.conflict import ConflictQuerySet
from approvals.models.conflict_rule import Mode, Scope
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import Actor
from governance.core.models import Person, Team
from governance.core.texts import free_text
from governance.web.pages import pager
from governance.web.pages.page import Shape, page, timeline_context
from governance.web.requests.request import Request, number
from inventory.models import Automation, NonHumanIdentity

#: Labels of the chips, by the value in the URL.
SHOWN = {"": "Open", "waived": "Waived", "again": "Waiver over", "ended": "Over"}
#: States of conflicts that ended without resolution: the rule was given up, or its scope changed.
ENDED_BY = {"rule_given_up": "given_up", RULE_CHANGED: "changed"}
#: Models of the subjects with a name of their own, by scope.
SUBJECTS: dict[str, type[models.Model]] = {Scope.OWNER: Person, Scope.TEAM: Team, Scope.IDENTITY: NonHumanIdentity}


@dataclass(frozen=True)
class ConflictLine:
    """A conflict in a list, as the reader may see it.

    Args:
        conflict: with its rule and the waiver annotations.
        state: a key of the state words.
        subject: name of an owner, team or identity; empty for other scopes.
        automations: the automations in it that the reader may see, with their owners.
    """

    conflict: Conflict
    state: str
    subject: str
    automations: Sequence[Automation]

    @property
    def more_count(self) -> int:
        """Number of automations that are not named."""
        return len(self.conflict.automations) - len(self.automations[:2])

    @property
    def owners(self) -> list[Person]:
        """The first business owners."""
        return list(dict.fromkeys(automation.business_owner for automation in self.automations))[:2]


@require_GET
def conflict_list(request: Request) -> HttpResponse:
    """List the conflicts that the reader may see, newest first. Filters are in the URL."""
    now, query, actor, path = request.now(), request.GET, request.actor, reverse("conflict_list")
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    visible = Conflict.objects.visible_to(actor, now)
    parts = visible.order_by().values(member=Func(F("automations"), function="unnest"))
    members = Automation.objects.visible_to(actor, now).filter(pk__in=parts).order_by()
    selects = [("owner", "Owner", _owner_choices(members)), ("team", "Team", pager.choices(members, "team"))]
    seen, clauses = _filtered(visible, query, actor, now)
    counts = {word: seen.standing(word, now)[:100].count() for word in SHOWN if word != "ended"}
    paged = pager.newest_first(seen.standing(show, now).telling_waived(now).select_related("rule"), query, path)
    context = {
        "chips": pager.chips(path, query, "show", SHOWN.items(), counts),
        "filters": pager.filter_bar(query, path, [*selects, ("mode", "What it does", Mode.choices)]),
        "filtered": " and ".join(clauses),
        "show": show,
        "rows": list_rows(paged.rows, actor, now),
        "pager": paged,
    }
    return page(request, "approvals/conflicts/conflicts.html", context)


def _filtered(
    seen: ConflictQuerySet, query: QueryDict, actor: Actor, now: datetime
) -> tuple[ConflictQuerySet, list[str]]:
    """Return the conflicts that the filters in the URL leave, and a clause about each filter.

    Only automations that the reader may see count: otherwise a filter would reveal the owners of others.
    """
    automations, clauses = Automation.objects.visible_to(actor, now).order_by(), list[str]()
    if code := free_text.name(query.get("rule", "")):
        rule = ConflictRule.objects.filter(code=code).order_by("-number").first()
        clauses.append(f"of the rule “{rule.title if rule is not None else code}”")
        seen = seen.filter(code=code)
    if (mode := query.get("mode", "")) in Mode.values:
        seen = seen.filter(rule__mode=mode)
    if pk := number(query.get("automation")):
        name = automations.filter(pk=pk).values_list("name", flat=True).first()
        clauses.append(f"that {name or 'an automation you don’t see'} has a part in")
        seen = seen.filter(automations__overlap=ArraySubquery(automations.filter(pk=pk).values("pk")))
    if owner := number(query.get("owner")):
        person = Person.objects.filter(pk=owner).first()
        clauses.append(f"of automations that {person.name if person else 'somebody'} answers for")
        owned = automations.filter(Q(business_owner=owner) | Q(technical_owner=owner))
        seen = seen.filter(automations__overlap=ArraySubquery(owned.values("pk")))
    if team := number(query.get("team")):
        name = Team.objects.filter(pk=team).values_list("name", flat=True).first()
        clauses.append(f"of automations of {name or 'a team'}")
        seen = seen.filter(automations__overlap=ArraySubquery(automations.filter(team=team).values("pk")))
    return seen, clauses


def _owner_choices(owned: QuerySet[Automation]) -> list[tuple[int, str]]:
    """Return the owners of automations, by name. One query."""
    owners = Q(pk__in=owned.values("business_owner")) | Q(pk__in=owned.values("technical_owner"))
    people = Person.objects.filter(owners).values_list("pk", "name")[: pager.CHOICES]
    return sorted(people, key=lambda person: person[1])


def state_of(row: Conflict) -> str:
    """Return the word for a conflict's state. The row needs the waiver annotations."""
    if row.state == ConflictState.ENDED:
        return ENDED_BY.get(row.ended_why, "ended")
    if row.waived_until is not None:
        return "waived"
    if row.signed_by is not None:
        return "signed"
    return "again" if row.was_waived else "open"


def list_rows(rows: Sequence[Conflict], actor: Actor, now: datetime) -> list[ConflictLine]:
    """Return conflicts as list lines. They need rule and waiver annotations. The number of queries is fixed."""
    keys = {pk for row in rows for pk in row.automations}
    seen = Automation.objects.visible_to(actor, now).select_related("business_owner").in_bulk(keys)
    names, lines = subject_names((row.scope, row.subject) for row in rows), []
    for row in rows:
        automations = [seen[pk] for pk in row.automations if pk in seen]
        lines.append(ConflictLine(row, state_of(row), names.get((row.scope, row.subject), ""), automations))
    return lines


def subject_names(subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return names of people, teams and identities, by scope and id. At most one query each."""
    subjects = list(subjects)
    return {
        (scope, pk): str(subject)
        for scope, model in SUBJECTS.items()
        for pk, subject in model._default_manager.in_bulk([pk for of, pk in subjects if of == scope]).items()
    }


@require_GET
def conflict(request: Request, pk: int) -> HttpResponse:
    """Show one conflict: its access and owners, the rule, the reason, the resolution, waivers and activity."""
    now, actor = request.now(), request.actor
    seen = Conflict.objects.visible_to(actor, now).telling_waived(now)
    row = get_object_or_404(seen.select_related("rule"), pk=pk)
    rule, is_open = conflict_queries.parse_version(row.rule).rule, row.state == ConflictState.OPEN
    waivers = Waiver.objects.visible_to(actor, now).of_the_same(row.code, row.scope, row.subject, row.keys)
    (line,) = list_rows([row], actor, now)
    context = (
        _access(line, rule)
        | timeline_context(row, actor=actor, now=now)
        | {
            "ask_href": _ask_href(line, actor, now) if is_open else "",
            "line": line,
            "rule": rule,
            "mode": _effect_words(row, now),
            "waivers": waivers.select_related("asked_by").order_by("-pk")[:10],
        }
    )
    return page(request, "approvals/conflicts/conflict.html", context)


def _effect_words(row: Conflict, now: datetime) -> str:
    """Return the effect of the conflict, or who signed it."""
    if row.signed_by is None:
        return MODES[row.rule.mode]
    signature = ConflictSignature.objects.select_related("person", "for_person", "reason").get(pk=row.signed_by)
    return signature_words(signature, now)


def _ask_href(line: ConflictLine, actor: Actor, now: datetime) -> str:
    """Return the address to request a waiver, if the reader may for one of their automations in the conflict."""
    row = line.conflict
    if row.waived_until is not None and row.waived_until > now + waiver_transitions.FOLLOW_UP_TIME:
        return ""
    for automation in line.automations[:20]:
        if waiver_transitions.ask_waiver.refusal(automation, actor=actor, now=now) is None:
            return conflict_rows.ask_href(automation.pk, row.code, row.subject)
    return ""


def _access(line: ConflictLine, rule: Rule) -> Shape:
    """Return what fills each leg, for automations that the reader may see, and the number of other grants."""
    row, seen = line.conflict, {automation.pk: automation for automation in line.automations}
    visible = Grant.objects.filter(pk__in=row.grants, automation__in=seen, entitlement__isnull=False)
    grants = visible.select_related("automation", "entitlement__resource__owner").order_by("automation_id", "pk")
    held = [("grant", held_access.held_by_grant(grant), grant) for grant in grants]
    entries = list(_entries(row.keys, seen))
    runs = sum(key.endswith(f"/{held_access.RUNS_AS}") for key in row.keys)
    legs = []
    for place, leg in legs_of(rule):
        access = [(kind, item) for kind, fills, item in (*held, *entries) if leg.matches(fills)]
        shown = sum(kind == "identity" for kind, _ in access)
        hidden = runs - shown if leg.matches(Held("", entry="identity")) else 0
        if place != WITHOUT:
            legs.append({"name": leg.name, "access": access, "hidden": hidden})
    return {
        "legs": legs,
        "hidden_grants": len(row.grants) - len(held),
        "hides_automations": len(seen) < len(row.automations),
    }


def _entries(keys: Iterable[str], seen: Mapping[int, Automation]) -> Iterator[tuple[str, Held, Automation]]:
    """Yield the access without a grant of visible automations: its kind, what it fills, and the automation."""
    for key in keys:
        pk, _, item = key.partition("/")
        if int(pk) in seen and item == held_access.RUNS_AS:
            yield "identity", Held(key, entry="identity"), seen[int(pk)]
        elif int(pk) in seen and item.startswith("trigger:"):
            yield "door", Held(key, item.split(":")[1], entry="open"), seen[int(pk)]
