"""Any order of submitting, deciding, narrowing, accepting, waiving, moving, ending, renewing, time and changed rules: no conflict is held that may not be (S6, S7).

After each step the test combines all live grants by hand. A combination that an enforced rule forbids is waived, or was held before the
rule was enforced and is within its 7 or 30 days. The test computes members of chains, legs and dates itself, without the product's code.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from approvals.decisions.transitions import decide as transition_decide
from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    Conflict,
    ConflictRule,
    Grant,
    GrantState,
    Proposal,
    Submission,
    SubmissionState,
    Waiver,
    WaiverState,
)
from approvals.models import grant as model_grant
from approvals.models.submission import UNFINISHED
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import put_in_force, withdraw
from approvals.tasks import sweep_conflicts_and_waivers
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refused
from governance.core.models import Person
from inventory.automations.transitions import lifecycle, transfers
from inventory.models import Automation, AutomationState
from tests import run_lengths, scenarios
from tests.approvals.chains import described
from tests.approvals.conflicts import conflict_rules
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, joins
from tests.scenarios import Company
from tests.state_machines import Undone

EXAMPLES, STEPS = run_lengths.run_length(1, full=4, soak=75), run_lengths.run_length(8, soak=40)

JOB = Actor.of_job("approvals.sweep")
WRITES, READS = ("write", "admin"), ("read", "admin")

#: What a version holds: on which resource, how, where; the last is what it is called by where levels share a name.
VERSIONS: Sequence[tuple[tuple[str, ...], ...]] = (
    (("slack", "write", "in"),),
    (("slack", "read", "in"),),
    (("slack", "read", "out"),),
    (("slack", "write", "in"), ("erp", "read", "stock")),
    (("slack", "admin", "in"), ("slack", "admin", "out")),
    (("slack", "admin", "out"), ("github", "read", "log")),
    (("slack", "write", "in", "any"), ("slack", "read", "side")),
    (("slack", "read", "in", "any"), ("slack", "write", "side")),
    (("slack", "write", "in"), ("github", "read", "log")),
    (("erp", "read", "stock"),),
)
PARTS = 3
IDENTITIES = ("", "", "svc")
WHICH, OWNERS = st.integers(0, PARTS - 1), st.sampled_from(["jonas", "jonas", "piet"])


@dataclass(frozen=True)
class Ruled:
    """A rule as this test reads it: legs and what has to be there too, each a resource and levels."""

    scope: str
    rating: str
    legs: tuple[tuple[str, tuple[str, ...]], ...]
    without: tuple[str, tuple[str, ...]] | None = None

    @property
    def days(self) -> int:
        return 7 if self.rating == "high" else 30


PAIR = (("slack", ("write",)), ("slack", ("read",)))
RULES = {
    "itself": Ruled("automation", "high", (("slack", ("write",)), ("erp", ("read",)))),
    "owner": Ruled("owner", "medium", PAIR),
    "team": Ruled("team", "low", (("slack", ("admin",)), ("erp", ("read",)))),
    "identity": Ruled("identity", "high", PAIR),
    "chain": Ruled("chain", "high", PAIR),
    "unlogged": Ruled("automation", "medium", (("slack", ("admin",)),), ("github", ("read",))),
    "unlogged-owner": Ruled("owner", "high", (("slack", ("write",)),), ("github", ("read",))),
}
MODES = ("record", "approval", "enforce", "")

#: What is held together: the rule's code and the things, each an automation's.
Combination = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class Thing:
    """One thing that is live."""

    key: str
    automation: int
    resource: str
    level: str


class Steps(Undone):
    """Three automations of one team and two owners. Anybody tries any operation; a refusal changes nothing."""

    company: ClassVar[Company]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.now = self.company.now
        #: By what is in conflict: until when it may be held without a waiver; None where it came under one.
        self.until: dict[Combination, datetime | None] = {}
        self.before: set[str] = set()
        self.waived: frozenset[Combination] = frozenset()
        self.stood: dict[int, Any] = {}
        self.is_ruled_anew = False

    # --- what is there ------------------------------------------------------------------------------------------------

    @property
    def c(self) -> Company:
        """The company, now."""
        return replace(self.company, people=replace(self.company.people, now=self.now))

    def person(self, name: str) -> Person:
        person: Person = Person.objects.get(pk=getattr(self.c.people, name).pk)
        return person

    def actor(self, name: str) -> Actor:
        return as_actor(self.person(name))

    def facts(self) -> tuple[Any, ...]:
        """Everything that a step can change."""
        return (
            list(Grant.objects.order_by("pk").values_list("pk", "state", "level")),
            list(Approval.objects.order_by("pk").values_list("pk", "state", "granted_level")),
            list(Submission.objects.order_by("pk").values_list("pk", "state")),
            list(Waiver.objects.order_by("pk").values_list("pk", "state")),
            list(Conflict.objects.order_by("pk").values_list("pk", "state", "due_at")),
            ConflictRule.objects.count(),
            list(Automation.objects.order_by("pk").values_list("pk", "team")),
        )

    def under_way(self) -> list[Submission]:
        return list(Submission.objects.filter(state__in=UNFINISHED).order_by("pk"))

    def standing(self) -> list[Grant]:
        return list(Grant.objects.standing().order_by("pk"))

    def automations(self) -> list[Automation]:
        return list(Automation.objects.filter(name__startswith="Part ").exclude(state="retired").order_by("pk"))

    # --- steps --------------------------------------------------------------------------------------------------------

    @initialize(
        modes=st.lists(st.sampled_from(MODES[:3]), min_size=len(RULES), max_size=len(RULES)),
        held=st.lists(st.sampled_from(VERSIONS), min_size=PARTS - 1, max_size=PARTS - 1),
        identity=st.sampled_from(IDENTITIES),
    )
    def something_is_held_and_rules_are_in_force(self, modes: list[str], held: list[Any], identity: str) -> None:
        for which, holds in enumerate(held):
            self.submit(which, holds, "jonas", identity)
        for code, mode in zip(RULES, modes, strict=True):
            conflict_rules.unsaved(self.document(code, mode), self.now).save()
        self.is_ruled_anew = True

    def document(self, code: str, mode: str, title: str = "Never both") -> dict[str, Any]:
        ruled = RULES[code]

        def leg(selector: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
            return {"resources": [getattr(self.company, selector[0]).pk], "levels": list(selector[1])}

        more = {"without": leg(ruled.without)} if ruled.without else {}
        fields = {"code": code, "mode": mode, "scope": ruled.scope, "rating": ruled.rating, "title": title}
        return conflict_rules.document(*map(leg, ruled.legs), **fields, **more)

    @rule(which=WHICH, holds=st.sampled_from(VERSIONS), owner=OWNERS, identity=st.sampled_from(IDENTITIES))
    def somebody_submits_and_all_is_approved(self, which: int, holds: Any, owner: str, identity: str) -> None:
        self.submit(which, holds, owner, identity)

    @rule(which=WHICH, holds=st.sampled_from(VERSIONS), owner=OWNERS, how=st.sampled_from(["", "reject one", "narrow"]))
    def somebody_submits_and_not_all_is_approved(self, which: int, holds: Any, owner: str, how: str) -> None:
        self.submit(which, holds, owner, "", how)

    @rule(which=WHICH, holds=st.sampled_from(VERSIONS), owner=OWNERS, days=st.sampled_from([1, 5, 20, 90]))
    def somebody_submits_what_is_waived_where_it_is_refused(
        self, which: int, holds: Any, owner: str, days: int
    ) -> None:
        if self.submit(which, holds, owner, "") == "S6":
            automation = Automation.objects.get(external_id=self.external_id(which))
            for _ in range(3):
                self.waive(automation, days)
            self.submit(which, holds, owner, "")

    def submit(self, which: int, holds: Any, owner: str, identity: str, how: str = "approve") -> str:
        """Submit it and decide about it; return the code of the refusal."""
        c, made = self.c, list[Submission]()
        things = [
            (getattr(c, privilege[0]), *privilege[1:3], *(("row:any",) if len(privilege) > 3 else ()))
            for privilege in holds
        ]
        fields = {"owner": self.person(owner), "technical": self.person("rita"), "identity": identity}
        try:  # what is refused leaves a version behind, which nobody has submitted
            version = described(c, f"Part {which}", *things, external_id=self.external_id(which), **fields)
            made.append(scenarios.submitted(c, version, now=self.now))
        except Refused as error:
            self.seen[f"submitting refused: {error.refusal.code}"] += 1
            return error.refusal.code
        self.seen["submitted"] += 1
        if how:
            self.decide(made[0], how)
        return ""

    def external_id(self, which: int) -> str:
        """One of the three automations, or its successor once it is retired."""
        retired = Automation.objects.filter(name=f"Part {which}", state="retired").count()
        return f"part-{which}-{retired}"

    def counted(self, what: str, is_done: bool) -> None:
        self.seen[what if is_done else f"not {what}"] += 1

    @precondition(lambda self: self.under_way())
    @rule(data=st.data())
    def everything_of_one_is_decided(self, data: st.DataObject) -> None:
        submission = data.draw(st.sampled_from(self.under_way()), label="submission")
        how = data.draw(st.sampled_from(["approve", "approve", "reject one", "narrow"]), label="how")
        self.decide(submission, how)

    def decide(self, submission: Submission, how: str = "approve") -> None:
        for _ in ("app", "first seats", "second seats", "third seats"):
            if submission.approvals.filter(state=ApprovalState.OPEN).first() is None:
                return
            for number, record in enumerate(submission.approvals.filter(state=ApprovalState.OPEN).order_by("pk")):
                self.decide_record(record, how if number == 0 and record.stage == 2 else "approve")

    @precondition(lambda self: self.under_way())
    @rule(data=st.data(), verb=st.sampled_from(["approve", "approve", "narrow", "reject"]))
    def one_record_is_decided(self, data: st.DataObject, verb: str) -> None:
        open_now = list(Approval.objects.filter(state=ApprovalState.OPEN).order_by("pk"))
        if open_now:
            self.decide_record(data.draw(st.sampled_from(open_now), label="record"), verb)

    def decide_record(self, record: Approval, how: str) -> None:
        record = Approval.objects.get(pk=record.pk)
        if record.state != ApprovalState.OPEN:
            return
        named = Candidate.objects.filter(seat__approval=record).values("person")
        approvers = Person.objects.filter(pk__in=named).order_by("pk")
        may = (
            approver
            for approver in approvers
            if transition_decide.approve.refusal(record, actor=as_actor(approver), now=self.now) is None
        )
        person = next(may, None)
        if person is None:
            return
        if how.startswith("reject"):
            self.attempt(lambda: scenarios.reject(record, person, now=self.now))
            return
        is_lower = how == "narrow" and record.privilege is not None and record.privilege.level != "read"
        level = {"level": "read"} if is_lower else {}
        self.counted("approved", self.attempt(lambda: scenarios.approve(record, person, now=self.now, **level)))

    @precondition(lambda self: Submission.objects.filter(state=SubmissionState.DECIDED).exists())
    @rule(data=st.data(), verb=st.sampled_from(["accept_subset", "accept_subset", "accept_subset", "decline"]))
    def a_part_is_accepted(self, data: st.DataObject, verb: str) -> None:
        decided = list(Submission.objects.filter(state=SubmissionState.DECIDED).order_by("pk"))
        submission = data.draw(st.sampled_from(decided), label="submission")
        owner = as_actor(submission.automation.accepting(self.now))
        act = {"accept_subset": put_in_force.accept_subset, "decline": withdraw.decline}[verb]
        self.counted("accepted", self.attempt(lambda: act(submission, actor=owner, now=self.now, reason="So.")))

    @precondition(lambda self: self.automations())
    @rule(data=st.data(), days=st.sampled_from([1, 5, 20, 90]))
    def somebody_asks_for_a_waiver_and_gets_it(self, data: st.DataObject, days: int) -> None:
        self.waive(data.draw(st.sampled_from(self.automations()), label="automation"), days)

    def waive(self, automation: Automation, days: int) -> None:
        """The first conflict of which a waiver can be asked is waived."""
        conflicts = waiver_transitions.waivable_conflicts(automation, self.now)
        if not conflicts:
            return
        fields = {
            "code": conflicts[0].standing.rule.code,
            "subject_id": conflicts[0].subject,
            "control": "Piet reads every post.",
        }
        with suppress(Refused):  # one is asked for already, or two followed each other
            waiver = waiver_transitions.ask_waiver(
                automation, actor=self.actor("rita"), now=self.now, reason="It is needed.", days=days, **fields
            )
            waiver_transitions.grant_waiver(waiver, actor=self.actor("sana"), now=self.now, reason="For now.")
            self.seen["waived"] += 1

    @precondition(lambda self: Waiver.objects.live(self.now).exists())
    @rule(data=st.data())
    def security_ends_a_waiver(self, data: st.DataObject) -> None:
        waiver = data.draw(st.sampled_from(list(Waiver.objects.live(self.now).order_by("pk"))), label="waiver")
        self.attempt(
            lambda: waiver_transitions.end_waiver(waiver, actor=self.actor("viktor"), now=self.now, reason="No more.")
        )

    @rule(
        code=st.sampled_from(list(RULES)),
        mode=st.sampled_from(["enforce", "enforce", "enforce", "record", "approval", ""]),
        title=st.sampled_from(["Never both", "Not both"]),
        sure=st.integers(0, 1),
    )
    def two_people_change_a_rule(self, code: str, mode: str, title: str, sure: int) -> None:
        if sure:
            return
        document = {"rule": self.document(code, mode, title)} if mode else {}
        row = Proposal(kind="conflict_rule", target=code)
        with suppress(Refused):  # nothing would be different
            made = proposal_transitions.propose(
                row, actor=self.actor("ines"), now=self.now, reason="It happened.", document=document
            )
            impact_count.sweep(self.now)
            fresh = Proposal.objects.get(pk=made.pk)
            proposal_transitions.approve(
                fresh, actor=self.actor("sana"), now=self.now, reason="Right.", shown_digest=fresh.digest
            )
            self.seen[f"ruled {mode or 'no more'}"] += 1
            self.is_ruled_anew = True

    @rule(days=st.sampled_from([1, 6, 8, 31, 70]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        grant_jobs.expire_due(self.now, JOB)
        submission_jobs.sweep(self.now)

    @precondition(lambda self: self.standing())
    @rule(data=st.data(), verb=st.sampled_from(["stop", "revoke", "succeed", "succeed", "suspend", "reinstate"]))
    def something_happens_to_a_grant(self, data: st.DataObject, verb: str) -> None:
        grant = data.draw(st.sampled_from(self.standing()), label="grant")
        if verb in ("stop", "revoke"):
            act: Any = stops.stop_grant if verb == "stop" else transition_lifecycle.revoke
            self.attempt(lambda: act(grant, actor=self.actor("omar"), now=self.now, reason="So."))
            return
        more: dict[str, Any] = {
            "succeed": {"answers": [], "ends_at": transition_lifecycle.longest_end(grant, self.now)},
            "suspend": {"why": model_grant.Why.SILENCE},
            "reinstate": {"why": [model_grant.Why.SILENCE]},
        }[verb]

        def within() -> None:
            with inside(grant.automation, JOB, self.now):
                getattr(transition_lifecycle, verb)(grant, actor=JOB, now=self.now, **more)

        self.counted(verb, self.attempt(within))

    @precondition(lambda self: self.automations())
    @rule(data=st.data())
    def two_leads_move_one(self, data: st.DataObject) -> None:
        automation, n = data.draw(st.sampled_from(self.automations()), label="automation"), self.c.people
        is_here = automation.team_id == n.finance_ops.pk
        giver, taker = (
            (self.actor("theo"), self.actor("grace")) if is_here else (self.actor("grace"), self.actor("theo"))
        )
        team = n.marketing if is_here else n.finance_ops

        try:
            transfer = transfers.request_transfer(
                automation, actor=giver, now=self.now, reason="They use it.", team=team
            )
        except Refused:
            return
        accept = partial(transfers.accept_transfer, transfer, actor=taker, now=self.now, reason="We do.")
        self.counted("moved", is_moved := self.attempt(accept))
        if not is_moved:  # it waits for nobody
            transfers.drop_transfer(transfer, actor=taker, now=self.now, reason="Not now.")

    @precondition(lambda self: self.automations())
    @rule(data=st.data(), verb=st.sampled_from(["stop", "retire"]), sure=st.integers(0, 5))
    def an_owner_stops_or_retires(self, data: st.DataObject, verb: str, sure: int) -> None:
        automation = data.draw(st.sampled_from(self.automations()), label="automation")
        if sure == 0:
            owner = as_actor(automation.business_owner)
            self.attempt(lambda: getattr(lifecycle, verb)(automation, actor=owner, now=self.now, reason="So."))


class Held(Steps):
    """What is true after each step, and the few minutes in which jobs follow it."""

    @invariant()
    def nothing_is_held_together_that_may_not_be(self) -> None:
        Steps.taken += 1
        run_lengths.going(self.request, f"{self.taken:,} steps")
        self.sweep()
        things, live = self.things(), {row.code: row for row in self.enforced()}
        now_held: dict[Combination, Thing] = {}
        for code in live:
            for subject, members in self.subjects(RULES[code].scope):
                mine = [thing for thing in things if thing.automation in members]
                if self.is_there(RULES[code], members):
                    continue
                for combination in combinations(RULES[code], mine):
                    self.check(code, subject, combination)
                    now_held[code, frozenset(thing.key for thing in combination)] = combination[0]
        for gone in self.until.keys() - now_held.keys():
            del self.until[gone]
        self.before = {thing.key for thing in things}
        self.stood = self.as_it_stands()
        self.is_ruled_anew = False

    def sweep(self) -> None:
        """The jobs of the next minutes, until nothing is left for them."""
        for _ in range(12):
            counts = sweep_conflicts_and_waivers(self.now)
            self.seen["suspended"] += counts["enforced"]
            if not counts["enforced"]:
                return
        raise AssertionError("sweeps go on and on")

    def check(self, code: str, subject: int, combination: Sequence[Thing]) -> None:
        keys = frozenset(thing.key for thing in combination)
        key, is_new = (code, keys), (code, keys) not in self.until
        waived = self.is_waived(code, subject, combination)
        if is_new:
            may_be_held = self.is_ruled_anew or self.has_lost(code, combination)
            self.until[key] = self.now + timedelta(days=RULES[code].days) if may_be_held else None
            self.seen["held before its rule" if may_be_held else "let in by a waiver"] += 1
        elif self.is_ruled_anew and key in self.waived and not waived:  # it was given for what the rule says no more
            self.until[key] = self.now + timedelta(days=RULES[code].days)
            self.seen["waived no more"] += 1
        self.waived = self.waived | {key} if waived else self.waived - {key}
        until = self.until[key]
        self.seen["waived, held" if waived else "within its days"] += 1
        assert waived or (until is not None and self.now < until), (code, subject, combination, until, self.now)

    def has_lost(self, code: str, combination: Sequence[Thing]) -> bool:
        """Whether all of it was held before and what has to be there is there no more, by nobody's doing who has a part in it."""
        stands = self.as_it_stands()
        return RULES[code].without is not None and all(
            thing.key in self.before and stands[thing.automation] == self.stood.get(thing.automation)
            for thing in combination
        )

    def is_waived(self, code: str, subject: int, combination: Sequence[Thing]) -> bool:
        keys = {thing.key for thing in combination}
        (digest,) = (row.digest for row in self.enforced() if row.code == code)
        return any(
            waiver.state == WaiverState.GRANTED
            and waiver.begins_at <= self.now < waiver.ends_at
            and (waiver.subject == subject or waiver.scope == "chain")
            and keys <= set(waiver.covers)
            and waiver.rule_digest == digest
            for waiver in Waiver.objects.filter(code=code)
        )

    # --- everything that is live, put together by hand ----------------------------------------------------------------

    def enforced(self) -> list[ConflictRule]:
        newest = {row.code: row for row in ConflictRule.objects.filter(code__in=RULES).order_by("number")}
        return [row for row in newest.values() if row.mode == "enforce" and not row.is_given_up]

    def things(self, *states: str) -> list[Thing]:
        names = {getattr(self.company, name).pk: name for name in ("slack", "erp", "github")}
        states = states or (AutomationState.LIVE,)
        rows = Grant.objects.filter(state=GrantState.ACTIVE, automation__state__in=states)
        return [
            Thing(
                f"{grant.automation_id}/{grant.key}",
                grant.automation_id,
                names[grant.entitlement.resource_id],
                grant.level,
            )
            for grant in rows.select_related("entitlement").order_by("pk")
            if grant.begins_at <= self.now < grant.ends_at
        ]

    def is_there(self, ruled: Ruled, members: set[int]) -> bool:
        """Whether what has to be there too is: also of an automation that somebody has stopped for now."""
        things = self.things(AutomationState.LIVE, AutomationState.SUSPENDED) if ruled.without is not None else []
        return ruled.without is not None and bool(
            matching_things(ruled.without, [thing for thing in things if thing.automation in members])
        )

    def as_it_stands(self) -> dict[int, Any]:
        rows = Automation.objects.filter(name__startswith="Part ")
        return {row.pk: (row.approved_version_id, row.business_owner_id) for row in rows}

    def subjects(self, scope: str) -> Iterator[tuple[int, set[int]]]:
        """Every subject of a rule's scope, with its automations."""
        rows = list(Automation.objects.filter(approved_version__isnull=False).exclude(state="retired"))
        if scope == "chain":
            yield from self.chains(rows)
            return
        members: dict[int, set[int]] = {}
        for row in rows:
            subjects = {"automation": [row.pk], "owner": [row.business_owner_id], "team": [row.team_id]}.get(scope)
            for subject in self.named(row) if subjects is None else subjects:
                members.setdefault(subject, set()).add(row.pk)
        yield from members.items()

    def named(self, automation: Automation) -> list[int]:
        """Ids of the identities that its approved version names."""
        return list(automation.approved_version.version_identities.values_list("identity", flat=True))

    def chains(self, rows: Sequence[Automation]) -> Iterator[tuple[int, set[int]]]:
        """Joined where one writes what the other reads, or both run as the same, and so on."""
        joined = {row.pk: {row.pk} for row in rows}
        for automation, other in itertools.combinations(rows, 2):
            if self.meet(automation, other):
                both = joined[automation.pk] | joined[other.pk]
                for pk in both:
                    joined[pk] = both
        for members in {frozenset(group) for group in joined.values()}:
            yield min(members), set(members)

    def meet(self, automation: Automation, other: Automation) -> bool:
        if set(self.named(automation)) & set(self.named(other)):
            return True
        mine, theirs = (
            [(p.entitlement.resource_id, p.target, p.level) for p in a.approved_version.privileges.all()]
            for a in (automation, other)
        )
        return any(
            place[:2] == there[:2]
            and ((place[2] in WRITES and there[2] in READS) or (place[2] in READS and there[2] in WRITES))
            for place in mine
            for there in theirs
        )


def combinations(ruled: Ruled, things: Sequence[Thing]) -> Iterator[tuple[Thing, ...]]:
    """Everything that fills the legs of a rule together, each leg by a thing of its own."""
    for combination in itertools.product(*(matching_things(leg, things) for leg in ruled.legs)):
        automations = {thing.automation for thing in combination}
        if len(set(combination)) == len(combination) and (ruled.scope != "chain" or len(automations) > 1):
            yield combination


def matching_things(leg: tuple[str, tuple[str, ...]], things: Sequence[Thing]) -> list[Thing]:
    return [thing for thing in things if thing.resource == leg[0] and thing.level in leg[1]]


@pytest.mark.full
@run_lengths.proves("S6", "S7", "A5", "A7", "A16", "G2", "H2")
@pytest.mark.soak
@pytest.mark.django_db
def test_enforced_conflicts_are_never_held_in_any_order_of_events(
    plain: Company, request: pytest.FixtureRequest
) -> None:
    joins(plain.people.piet, plain.people.finance_ops)
    Held.company, Steps.seen, Held.request, Steps.taken = plain, Counter(), request, 0
    run_state_machine_as_test(
        Held,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    seen = Steps.seen
    run_lengths.did(
        request,
        f"{Steps.taken:,} steps of conflicts, no more than {STEPS} on end: {seen['let in by a waiver']:,} let in by a waiver, "
        f"{seen['held before its rule']:,} held before their rule, {seen['suspended']:,} suspended",
    )
    reached = ("let in by a waiver", "held before its rule", "suspended", "submitting refused: S6", "accepted")
    assert not run_lengths.IS_SOAK or all(seen[name] for name in reached), seen
