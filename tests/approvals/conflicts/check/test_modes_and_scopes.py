"""Every mode in every scope, at submission and at decision, by literal tables: shown, signed for, refused (S6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.models import Approval, ApprovalState, SeatLabel, Submission
from governance.core.duties.refusals import InvalidInput, Refused
from inventory.models import Version
from tests import scenarios
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]

Asked = Callable[[Company], Version]


def both(c: Company) -> Version:
    """One automation that would hold both legs."""
    return described(c, "Both", (c.slack, "write", "in"), (c.slack, "read", "out"))


def elsewhere(c: Company) -> Version:
    """What is in force reads, and another of the same team and owner would write, somewhere else."""
    in_force(c, described(c, "Reads", (c.slack, "read", "out")))
    return described(c, "Writes", (c.slack, "write", "in"))


def joined(c: Company) -> Version:
    """The same in one place: they make a chain."""
    in_force(c, described(c, "Reads", (c.slack, "read", "in")))
    return described(c, "Writes", (c.slack, "write", "in"))


def as_one(c: Company) -> Version:
    """The same as one identity."""
    in_force(c, described(c, "Reads", (c.slack, "read", "out"), identity="robot"))
    return described(c, "Writes", (c.slack, "write", "in"), identity="robot")


#: What is asked for where a scope sees both legs, and where it does not.
SEEN: dict[str, Asked] = {
    "automation": both,
    "identity": as_one,
    "owner": elsewhere,
    "team": elsewhere,
    "chain": joined,
}
UNSEEN: dict[str, Asked] = {"automation": joined, "identity": elsewhere, "chain": elsewhere}


def app_approved(c: Company) -> Submission:
    """The newest version is submitted, and its app approved."""
    made = scenarios.submitted(c, Version.objects.latest("pk"))
    scenarios.decide_app(c, made)
    return made


#: Starting points, by what is asked for.
DRAFT = {setup: starting_point("plain", setup) for setup in (both, elsewhere, joined, as_one)}
IN_STAGE_2 = {setup: starting_point(DRAFT[setup], app_approved, name=setup.__name__) for setup in DRAFT}


def each(scopes: dict[str, Asked], starts: dict[Asked, pytest.MarkDecorator]) -> pytest.MarkDecorator:
    """Parametrize a test by scope; each begins where its automations are described."""
    return pytest.mark.parametrize(
        "scope", [pytest.param(scope, marks=starts[setup]) for scope, setup in scopes.items()]
    )


#: What a mode does to a submission, and to an approval of a submission from before the rule.
AT_SUBMISSION = {"record": "shown", "approval": "signed for", "enforce": "refused"}
AT_DECISION = {"record": "approved", "approval": "open", "enforce": "refused"}


def a_rule(c: Company, scope: str, mode: str) -> None:
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), scope=scope, mode=mode)


def the_record(submission: Submission) -> Approval:
    """The grant-like row for a privilege that would write."""
    return submission.approvals.get(kind="privilege", privilege__level="write")


@pytest.mark.parametrize("mode", AT_SUBMISSION)
@each(SEEN, DRAFT)
def test_mode_and_scope_apply_at_submission(plain: Company, scope: str, mode: str, start: Version) -> None:
    version = start
    a_rule(plain, scope, mode)
    if AT_SUBMISSION[mode] == "refused":
        with pytest.raises(InvalidInput) as refused:
            scenarios.submitted(plain, version)
        assert refused.value.refusal.code == "S6"
        assert not Submission.objects.filter(version=version).exists()
        return
    record = the_record(scenarios.submitted(plain, version))
    (conflict,) = record.facts["conflicts"]  # what is held elsewhere is named too
    assert conflict.partition(",")[0] == "read-and-tell 1"
    is_signed_for = record.seats.filter(label=SeatLabel.CONFLICT).exists()
    assert is_signed_for == (AT_SUBMISSION[mode] == "signed for")


@pytest.mark.parametrize("mode", AT_DECISION)
@each(SEEN, IN_STAGE_2)
def test_mode_and_scope_apply_at_decision(plain: Company, scope: str, mode: str, start: Submission) -> None:
    made = start
    a_rule(plain, scope, mode)
    record, omar = the_record(made), plain.people.omar
    if AT_DECISION[mode] == "refused":
        with pytest.raises(Refused) as refused:
            scenarios.approve(record, omar, now=plain.now)
        assert refused.value.refusal.code == "S6"
        return
    scenarios.approve(record, omar, now=plain.now)
    record = the_record(made)
    assert record.state == AT_DECISION[mode]
    if record.state == ApprovalState.OPEN:
        scenarios.approve(record, plain.people.sana, now=plain.now)
        assert the_record(made).state == ApprovalState.APPROVED


@pytest.mark.parametrize("mode", AT_SUBMISSION)
@each(UNSEEN, DRAFT)
def test_access_outside_scope_is_not_combined(plain: Company, scope: str, mode: str, start: Version) -> None:
    version = start
    a_rule(plain, scope, mode)
    record = the_record(scenarios.submitted(plain, version))
    assert not record.facts.get("conflicts")
    assert not record.seats.filter(label=SeatLabel.CONFLICT).exists()
