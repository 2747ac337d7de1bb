"""The conflicts of a submission: what it would hold as it was frozen, against the rules and the waivers as they are now (S6, S7, A6).

What a version would hold is frozen with its submission. Which rules there are, what the register says now of the resources and of the controls on
them, what others hold and what is waived is read when it is asked: a decision is about these too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import F, OuterRef
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import automation, cases
from approvals.conflicts.check.automation import Case, Found
from approvals.conflicts.held_access import data_class_of, higher
from approvals.conflicts.queries import Standing
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Approval, ApprovalKind, ApprovalState, Grant, GrantKind, Submission, Waiver
from approvals.models.conflict import Mode, Scope
from approvals.policies import tiers
from governance.core.database import compiled_queries
from governance.core.duties.refusals import Refusal
from inventory.importers.capabilities import BY_HAND
from inventory.models import Control, Entitlement

#: States in which a record gives nothing.
GIVES_NOTHING = (
    ApprovalState.REJECTED,
    ApprovalState.EXPIRED,
    ApprovalState.NOT_APPLICABLE,
    ApprovalState.WITHDRAWN,
)

#: Held by whoever puts something in force. It is taken before that of chains (`inventory.chains.transitions`) and after every row.
LOCK = 0x666F7263
#: What an instance of a submission remembers of rules, waivers and the register.
READ_EARLIER = (
    *("conflict_rules", "live_waivers", "held_as_it_is"),
    *("_conflict_rules", "_conflicts", "_remaining", "_register"),
)


def frozen(case: Case, asked: Iterable[str], words: Mapping[str, str]) -> dict[str, Any]:
    """What a submission keeps of a case.

    Args:
        case: what the version would hold.
        asked: keys of the privileges that have a record of their own in it.
        words: what each privilege is, in a sentence, by key.
    """
    things = [{name: value for name, value in _plain(one).items() if value not in ("", None)} for one in case.things]
    subjects = {scope: sorted(found) for scope, found in case.subjects.items()}
    return {
        "things": things,
        "subjects": subjects,
        "asked": sorted(f"{case.automation}/{key}" for key in asked),
        "words": {f"{case.automation}/{key}": said for key, said in words.items()},
    }


def _plain(one: Held) -> dict[str, Any]:
    return {**asdict(one), "tags": sorted(one.tags)}


def case_of(submission: Submission) -> Case:
    """What its version would hold, all of it, in the chain in which it would have stood when it was submitted."""
    kept: Mapping[str, Any] | None = submission.held
    if kept is None:  # from before there were rules
        return cases.of_version(submission.automation, submission.version)
    register = _register(submission)
    things = [_as_it_is(one, register.get((one.get("resource", 0), one.get("code", "")))) for one in kept["things"]]
    unset = {f"{submission.automation_id}/{key}" for key in tiers.unvouched(submission)}
    things = [replace(one, data_class="") if one.key in unset else one for one in things]
    return Case(submission.automation_id, things, kept["subjects"])


def _case_now(submission: Submission, now: datetime) -> Case:
    """The same with who is in its chain now: what was submitted beside it may have come into force since (A16)."""
    case = case_of(submission)
    if not _asks_chains(rules_for(submission, now)):
        return case
    return _in_chain(case, tiers.chain_of(submission).others)


def _asks_chains(rules: Iterable[Standing]) -> bool:
    return any(one.rule.scope == Scope.CHAIN for one in rules)


def _in_chain(case: Case, others: Collection[int]) -> Case:
    return replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(others)})


#: What the register says of what a version would hold, by resource and code: as `_said` names it.
Register = Mapping[tuple[int, str], Mapping[str, Any]]


def _as_it_is(one: Mapping[str, Any], known: Mapping[str, Any] | None) -> Held:
    """One frozen thing with what may have changed since: class, kind and environment of its resource, and the controls that stand on it.

    A scan judges what is held by these as they are, and a control that was taken back counts no more.
    """
    told = frozenset(one.get("tags", ())) - BY_HAND
    if known is None:  # of a trigger the register says nothing
        return Held(**{**one, "tags": told})
    return Held(
        **{
            **one,
            "tags": told.union(known["says"]),
            "kind": known["kind"],
            "data_class": data_class_of(known["own_class"], known["of_resource"]),
            "environment": higher(known["environment"], one["environment"]),
        }
    )


def _register(submission: Submission) -> Register:
    """What the register says now of what its version would hold, read once for this instance."""
    known: Register | None = submission.__dict__.get("_register")
    if known is None:
        read = submission.__dict__.get("held_as_it_is")
        if read is None:
            know_register([submission])
        else:
            submission.__dict__["_register"] = _by_thing(read)
        known = submission.__dict__["_register"]
    return known


def know_register(submissions: Sequence[Submission]) -> None:
    """Read for some submissions together what the register says of what they would hold: one query."""
    of = Entitlement.objects.filter(privileges__version__in={one.version_id for one in submissions})
    by_thing = _by_thing(list(of.order_by().distinct().values(**_said())))
    for one in submissions:
        one.__dict__["_register"] = by_thing


def _said() -> dict[str, Any]:
    controls = Control.objects.standing().filter(entitlement=OuterRef("pk"))
    return {
        "on": F("resource"),
        "called": F("code"),
        "kind": F("resource__kind"),
        "own_class": F("data_class"),
        "of_resource": F("resource__data_class"),
        "environment": F("resource__environment"),
        "says": ArraySubquery(controls.order_by("tag").values("tag")),
    }


def _by_thing(read: Iterable[Mapping[str, Any]]) -> Register:
    return {(one["on"], one["called"]): one for one in read}


def rules_for(submission: Submission, now: datetime) -> Sequence[Standing]:
    """The rules in force, read once for this instance of a submission."""
    known = submission.__dict__.get("_conflict_rules")
    if known is None:
        read = submission.__dict__.get("conflict_rules")
        known = conflict_queries.in_force(now) if read is None else conflict_queries.of_a_row(read)
        submission.__dict__["_conflict_rules"] = known
    found: Sequence[Standing] = known
    return found


def of_submission(submission: Submission, now: datetime) -> Sequence[Found]:
    """Its conflicts, were all of it approved as it is asked; remembered on this instance, for a page with many records."""
    known = submission.__dict__.get("_conflicts")
    if known is None:
        known = submission.__dict__["_conflicts"] = tuple(
            automation.find_all([_case_now(submission, now)], now, rules_for(submission, now), _waivers(submission))[0]
        )
    found: Sequence[Found] = known
    return found


def with_a_submission(now: datetime) -> dict[str, RawSQL]:
    """What a page reads with a submission, so that its conflicts ask no query for rules and waivers."""
    return {
        "conflict_rules": compiled_queries.annotation(Submission, conflict_queries.with_a_row, now),
        "live_waivers": compiled_queries.annotation(Submission, _live_waivers, now),
        "held_as_it_is": compiled_queries.annotation(Submission, _held_as_it_is),
    }


def _live_waivers() -> ArraySubquery:
    names = ("id", "code", "scope", "subject", "lifts", "rule_digest", "ends_at")
    said = JSONObject(**{name: name for name in names})
    return ArraySubquery(Waiver.objects.live(compiled_queries.NOW).order_by("-ends_at").values(said=said))


def _held_as_it_is() -> ArraySubquery:
    of = Entitlement.objects.filter(privileges__version=OuterRef("version")).order_by()
    return ArraySubquery(of.values(found=JSONObject(**_said())))


def _waivers(submission: Submission) -> list[Waiver] | None:
    read: Sequence[Mapping[str, Any]] | None = submission.__dict__.get("live_waivers")
    if read is None:
        return None
    return [Waiver(**{**one, "ends_at": datetime.fromisoformat(str(one["ends_at"]))}) for one in read]


def know(submissions: Sequence[Submission], now: datetime) -> None:
    """Read the conflicts of some submissions together, for a page that shows records of many: a fixed number of queries."""
    rules, each = conflict_queries.in_force(now) if submissions else (), {one.pk: one for one in submissions}
    found = cases_now(list(each.values()), rules)
    conflicts = dict(zip(each, automation.find_all(found, now, rules), strict=True))
    for one in submissions:
        one.__dict__["_conflict_rules"], one.__dict__["_conflicts"] = rules, tuple(conflicts[one.pk])


def cases_now(submissions: Sequence[Submission], rules: Iterable[Standing]) -> list[Case]:
    """What the versions of some submissions would hold, each in the chain in which it would stand now where a rule asks that: a fixed number of queries."""
    know_register(submissions)
    tiers.read_together(submissions)
    found = [case_of(one) for one in submissions]
    if not _asks_chains(rules):
        return found
    chain = tiers.others_of(submissions)
    return [_in_chain(case, chain[one.pk]) for one, case in zip(submissions, found, strict=True)]


def of_record(record: Approval, now: datetime) -> list[Found]:
    """The conflicts that a record has a part in; the app's are those in which nothing that is asked beside it has one."""
    found = of_submission(record.submission, now)
    return [one for one in found if takes_part(record.kind, key_of(record), one, asked_in(record.submission))]


def takes_part(kind: str, key: str, found: Found, asked: Collection[str]) -> bool:
    """Whether a record has a part in a conflict.

    Args:
        kind: the record's.
        key: of what it is about, with its automation.
        found: the conflict.
        asked: such keys of all that has a record in the submission.
    """
    if kind == ApprovalKind.APP:
        return found.keys.isdisjoint(asked)
    return kind == ApprovalKind.PRIVILEGE and key in found.keys


def key_of(record: Approval) -> str:
    """What a record is about, as conflicts name it."""
    return f"{record.submission.automation_id}/{record.key}"


def asked_in(submission: Submission) -> Collection[str]:
    """Keys of all that has a record in a submission, each with its automation."""
    kept: Mapping[str, Any] | None = submission.held
    return frozenset(kept["asked"]) if kept is not None else frozenset()


def words_in(submission: Submission) -> Mapping[str, str]:
    """What its version would hold, in sentences, by key with its automation."""
    kept: Mapping[str, Any] | None = submission.held
    found: Mapping[str, str] = kept.get("words", {}) if kept is not None else {}
    return found


def facts_of(record: Approval, now: datetime) -> list[str]:
    """What a decision is about of the conflicts of a record: rule and version, the waiver that lifts it, and who else has a part (A6)."""
    return sorted(_fact(one) for one in of_record(record, now))


def _fact(found: Found) -> str:
    others = sorted({part.covered_as for leg in found.others.values() for part in leg})
    version = found.standing.version
    waived = f", waived by {found.waiver.pk}" if found.waiver is not None else ""
    beside = f", with {', '.join(others)}" if others else ""
    return f"{version.code} {version.number}{waived}{beside}"


def left(submission: Submission, records: Iterable[Approval], now: datetime) -> list[Found]:
    """Its conflicts as it is decided so far: without what was refused, or ended meanwhile, and as far as it was narrowed (A7).

    Args:
        submission: with its automation.
        records: all of its records, as they are now; what one of them has been narrowed to counts.
        now: business time.
    """
    case, kept = _case_now(submission, now), counted([submission.automation_id], now)
    return automation.find(as_decided(submission, list(records), kept, case), now, rules_for(submission, now))


def as_decided(submission: Submission, records: Sequence[Approval], kept: Iterable[Grant], case: Case) -> Case:
    """The case of a submission by its decisions so far: without what was refused, at the levels approved.

    Args:
        submission: with its automation.
        records: all of its records, those of privileges with these.
        kept: what its automation holds (`counted`).
        case: what it would hold if all of it were approved.
    """
    privileges = {f"{submission.automation_id}/{one.key}": one for one in records if one.kind == ApprovalKind.PRIVILEGE}
    without = _given_no_credential(submission, records)
    lowered = {key: one.granted_level for key, one in privileges.items() if one.granted_level}
    given = {
        key
        for key, one in privileges.items()
        if one.state not in GIVES_NOTHING and (one.privilege is None or one.privilege.credential_id not in without)
    }
    kept = [one for one in kept if f"{submission.automation_id}/{one.key}" not in privileges]
    held = given | {f"{submission.automation_id}/{one.key}" for one in kept}
    things = [one for one in cases.with_kept(case, kept).things if one.entry or one.key in held]
    things = [replace(one, level=lowered.get(one.key, one.level)) for one in things]
    return replace(case, things=things)


def counted(automations: Collection[int], now: datetime) -> Iterable[Grant]:
    """What some automations, by their ids, hold as a scan counts it: what ended since it was submitted does not run on."""
    held = Grant.objects.filter(automation__in=automations, entitlement__isnull=False, ends_at__gt=now)
    return held.standing().exclude(in_conflict=True)


def _given_no_credential(submission: Submission, records: Iterable[Approval]) -> set[int | None]:
    """Ids of the credentials that were refused and that it does not hold either: what needs one of them gives no grant (A2)."""
    refused = {
        one.credential_id for one in records if one.kind == ApprovalKind.CREDENTIAL and one.state in GIVES_NOTHING
    }
    if not refused:
        return set()
    standing = Grant.objects.filter(automation=submission.automation_id, kind=GrantKind.CREDENTIAL).standing()
    return refused - set(standing.values_list("credential", flat=True))


def enforced(found: Iterable[Found]) -> list[Found]:
    """Those that are refused: of an enforced rule, and not waived."""
    return [one for one in found if one.mode == Mode.ENFORCE]


def refusal(found: Sequence[Found], kind: Literal["duty", "input"] = "duty") -> Refusal | None:
    """Why what would hold all this is refused, or None (S6)."""
    no = enforced(found)
    if not no:
        return None
    said = " ".join(one.sentence for one in no)
    detail = tuple(("", one.sentence) for one in no)
    return Refusal("S6", kind, said, no[0].way_out, detail, is_attempt=True)


def one_at_a_time() -> None:
    """Hold the lock of whoever changes what is held together, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def alone(submission: Submission) -> None:
    """Have nobody else put anything in force until the transaction ends, and forget what was read of rules and waivers before (S6).

    One at a time, whatever it is: what another puts in force meanwhile can be in conflict by its owner, its team, an identity, or a chain that
    nobody sees before both have committed; and a rule may come into force that the one has read and the other has not. It takes
    the time of one commit.
    """
    one_at_a_time()
    for name in READ_EARLIER:
        submission.__dict__.pop(name, None)
    tiers.forget(submission)
