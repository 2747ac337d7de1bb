"""A live automation that takes an identity over with a submission joins a chain as it runs already: its conflicts are asked then (S6, A16, I5)."""

from __future__ import annotations

import pytest

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.rows import Preview
from approvals.models import Submission
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import InvalidInput
from inventory.importers.reader import ReadResult
from inventory.imports.transitions import previews as import_previews
from inventory.models import Automation, NonHumanIdentity, Version
from tests import scenarios
from tests.approvals import chains
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.submissions.plan_comparison import complete_preview, handed_in, submitted_as_planned
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "A16", "I5")]


def a_rule(c: Company, mode: str = "enforce") -> None:
    """No chain writes to the workspace and reads it."""
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode=mode, scope="chain")


def writes(c: Company) -> Automation:
    """What runs already and writes, as nobody in particular."""
    return chains.in_force(c, version(c, "Writes", "write")).automation


def reads(c: Company) -> Automation:
    """Another reads as the robot, which serves a withdrawn draft; returns the one that writes."""
    first = scenarios.submitted(c, version(c, "Nothing", "read", identity="robot"))
    chains.in_force(c, version(c, "Reads", "read", identity="robot"))
    withdraw.withdraw(first, actor=as_actor(c.people.rita), now=c.now, reason="No use.")
    assert NonHumanIdentity.objects.get().automation == first.automation
    return Automation.objects.get(name="Writes")


def reads_in_the_same_place(c: Company) -> Automation:
    """Another reads where the first writes, and a draft would run as the robot; returns the one that writes."""
    chains.in_force(c, version(c, "Beside", "read", place="Writes"))
    version(c, "Nothing", "read", identity="robot")
    return Automation.objects.get(name="Writes")


WRITES = starting_point("plain", writes)
READS = starting_point(WRITES, reads)
READS_IN_THE_SAME_PLACE = starting_point(WRITES, reads_in_the_same_place)


def version(c: Company, name: str, level: str, **more: str) -> Version:
    place = more.pop("place", name)
    return chains.described(c, name, (c.slack, level, place), external_id=name, **more)


def takes_it_over(c: Company) -> Submission:
    """The one that writes is to write no more, and to run as the robot."""
    return scenarios.submitted(c, version(c, "Writes", "read", place="elsewhere", identity="robot"))


def preview_of_takeover(c: Company) -> Preview:
    """Rita's preview of `takes_it_over`."""
    n, held = c.people, (c.slack, "read", "elsewhere")
    manifest = chains.description(c, "Writes", held, external_id="Writes", identity="robot")
    results = [(manifest.name, ReadResult(manifest))]
    batch = import_previews.keep_results(results, actor=as_actor(n.rita), now=c.now, team=n.finance_ops)
    return complete_preview(c, batch.items.get(), is_new=False)


@READS
def test_takeover_that_forms_forbidden_chain_is_refused(plain: Company) -> None:
    a_rule(plain)
    with pytest.raises(InvalidInput) as refused:
        takes_it_over(plain)
    assert refused.value.refusal.code == "S6"
    assert (
        "What is in force of it would be joined at once with what else runs as n8n/robot"
        in refused.value.refusal.sentence
    )
    assert "What is read could be told to the wrong people." in refused.value.refusal.sentence
    assert NonHumanIdentity.objects.get().automation.name == "Nothing"
    assert not scan.scan(conflict_queries.in_force(plain.now), plain.now)


@READS
@pytest.mark.rule("I7")
def test_preview_shows_why_takeover_is_refused(plain: Company) -> None:
    a_rule(plain)
    shown = preview_of_takeover(plain)
    (problem,) = shown.plan.problems
    assert problem.sentence.startswith(
        "What is in force of it would be joined at once with what else runs as n8n/robot"
    )
    assert [remark.text for remark in missing_answers(shown)] == [problem.sentence.rstrip(".")]
    assert [handed_in(plain, shown)] == shown.plan.refusals
    assert [refusal.code for refusal in shown.plan.refusals] == ["S6"]


@READS
@pytest.mark.rule("I7")
def test_takeover_without_conflict_is_submitted_as_planned(plain: Company, start: Automation) -> None:
    a_rule(plain, mode="record")
    shown = preview_of_takeover(plain)
    assert shown.plan.context.chain.others, "it is joined with what reads"
    submitted_as_planned(plain, shown)
    assert NonHumanIdentity.objects.get().automation == start


@READS
def test_takeover_without_conflict_succeeds(plain: Company, start: Automation) -> None:
    a_rule(plain, mode="record")
    takes_it_over(plain)
    assert NonHumanIdentity.objects.get().automation == start
    assert scan.scan(conflict_queries.in_force(plain.now), plain.now)


@READS_IN_THE_SAME_PLACE
def test_existing_conflict_does_not_block_takeover(plain: Company, start: Automation) -> None:
    a_rule(plain)
    assert scan.scan(conflict_queries.in_force(plain.now), plain.now)
    takes_it_over(plain)
    assert NonHumanIdentity.objects.get().automation == start
