"""What the database refuses by itself about submissions, approvals and decisions: duties as triggers and checks (S1, S2, S5, A1).

Raw SQL, another program, a mistake in a duty: none gets past these. They repeat the duties on purpose, from the rows alone.
What it refuses about grants stands in `grant_triggers`, about approving by policy in `policy_triggers`.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Func

from governance.core.models.people import standing_in


class _NotBarred(Func):
    """``person <> ALL(barred)``, and the same for whom they stand for."""

    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **extra):  # type: ignore[no-untyped-def, override]  # Django's own is untyped
        return '("person_id" <> ALL("barred") AND ("for_person_id" IS NULL OR "for_person_id" <> ALL("barred")))', ()


#: The parties' ids stand in the decision itself, and neither decider nor represented is among them (S1).
NOT_BARRED = _NotBarred(F("person"), F("for_person"), F("barred"))

#: The decisions that count for an approval: taken on it and not taken back, or carried over to it (A14).
COUNTED = """(SELECT d.id FROM approvals_decision d WHERE d.approval_id = {approval} AND d.round = {round}
              AND NOT EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = d.id)
              UNION SELECT c.decision_id FROM approvals_carrieddecision c
              WHERE c.approval_id = {approval} AND c.round = {round}
              AND NOT EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = c.decision_id))"""

#: Whether every seat of an approval is filled by what counts for it, and nobody said no or asked (A8).
#: Whether something else that a conflict put a seat on was refused: only then may an approval be left alone by its conflicts (S6). Which
#: conflicts are left the portal works out (`Route.seats`).
LEFT_ALONE = """EXISTS (SELECT 1 FROM approvals_seat o
              JOIN approvals_approval x ON x.id = o.approval_id JOIN approvals_approval me ON me.id = {approval}
              WHERE o.label = 'conflict' AND x.submission_id = me.submission_id AND x.id <> me.id
                AND x.state IN ('rejected', 'expired'))"""

FILLED = """(EXISTS (SELECT 1 FROM approvals_seat s WHERE s.approval_id = {approval})
             AND NOT EXISTS (SELECT 1 FROM approvals_seat s WHERE s.approval_id = {approval} AND NOT EXISTS (
                 SELECT 1 FROM approvals_decision d JOIN approvals_seat its ON its.id = d.seat_id
                 WHERE its.label = s.label AND d.outcome = 'approve' AND d.id IN {counted})
                 AND NOT (s.label = 'conflict' AND {left_alone}))
             AND NOT EXISTS (SELECT 1 FROM approvals_decision d WHERE d.outcome <> 'approve' AND d.id IN {counted}))"""


def filled(row: str) -> str:
    """`FILLED` of a row of approvals by its name in a trigger or query."""
    counted = COUNTED.format(approval=f"{row}.id", round=f"{row}.round")
    return FILLED.format(approval=f"{row}.id", counted=counted, left_alone=LEFT_ALONE.format(approval=f"{row}.id"))


#: Everybody whom the decisions about the app approval of a submission use up (S2).
APP_DECIDERS = """(SELECT dp.person_id FROM approvals_decisionperson dp WHERE dp.decision_id IN (
                 SELECT d.id FROM approvals_decision d WHERE d.approval_id = whole.app_approval_id
                 UNION SELECT c.decision_id FROM approvals_carrieddecision c
                 WHERE c.approval_id = whole.app_approval_id))"""

#: Whether two approvals ask about the same: the app, a privilege with the same key, the same credential.
SAME_QUESTION = """({a}.kind = {b}.kind AND {a}.credential_id IS NOT DISTINCT FROM {b}.credential_id
              AND (SELECT p.key FROM inventory_privilege p WHERE p.id = {a}.privilege_id)
                  IS NOT DISTINCT FROM (SELECT p.key FROM inventory_privilege p WHERE p.id = {b}.privilege_id))"""

#: Whether whoever decides, or takes back, for somebody else stands in for them then (A11).
STANDS_IN = f"(NEW.for_person_id IS NULL OR {standing_in('NEW.for_person_id', 'NEW.person_id', 'NEW.at')})"

DECISION_DUTIES = pgtrigger.Trigger(
    name="decision_duties",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("asked", "approvals_approval%ROWTYPE"), ("whole", "approvals_submission%ROWTYPE")],
    func=f"""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
        IF asked.state <> 'open' OR asked.round <> NEW.round THEN
            RAISE EXCEPTION 'STATE: approval % takes no decision in state %, round %', asked.id, asked.state, asked.round
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM approvals_seat s WHERE s.id = NEW.seat_id AND s.approval_id = NEW.approval_id) THEN
            RAISE EXCEPTION 'A8: seat % is not a seat of approval %', NEW.seat_id, asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_party p WHERE p.submission_id = asked.submission_id
                   AND p.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))) THEN
            RAISE EXCEPTION 'SOD-1: a party decides nothing in submission %', asked.submission_id
                USING ERRCODE = 'check_violation';
        END IF;
        IF asked.stage = 2 AND (NEW.person_id IN {APP_DECIDERS} OR NEW.for_person_id IN {APP_DECIDERS}) THEN
            RAISE EXCEPTION 'SOD-2: who decided the app decides no privilege resting on it (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.again <> (SELECT count(*) FROM approvals_decision d JOIN approvals_retraction r ON r.decision_id = d.id
                         WHERE d.approval_id = NEW.approval_id AND d.person_id = NEW.person_id AND d.round = NEW.round) THEN
            RAISE EXCEPTION 'A8: who decides anew has taken back what they decided before (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM approvals_candidate c WHERE c.seat_id = NEW.seat_id
                       AND c.person_id = COALESCE(NEW.for_person_id, NEW.person_id)) THEN
            RAISE EXCEPTION 'A9: not a candidate of seat %', NEW.seat_id USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_decision d
                   JOIN approvals_seat s ON s.id = d.seat_id JOIN approvals_decisionperson dp ON dp.decision_id = d.id
                   WHERE d.outcome = 'approve'
                     AND d.id IN {COUNTED.format(approval="NEW.approval_id", round="NEW.round")}
                     AND (s.label = (SELECT label FROM approvals_seat WHERE id = NEW.seat_id)
                          OR dp.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id)))) THEN
            RAISE EXCEPTION 'A8: seats are filled by distinct people, each once (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT {STANDS_IN} THEN
            RAISE EXCEPTION 'A11: nobody stands in for person % without a delegation and the same duty (approval %)',
                NEW.for_person_id, asked.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: The last decision on a record is taken back by whoever made it or for whom it was made, while its submission is undecided and nothing
#: rests on it: nobody has signed what it narrowed, or refused what it asked.
RETRACTION_DUTIES = pgtrigger.Trigger(
    name="retraction_duties",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("taken", "approvals_decision%ROWTYPE"),
        ("asked", "approvals_approval%ROWTYPE"),
        ("whole", "approvals_submission%ROWTYPE"),
    ],
    func=f"""
        SELECT * INTO taken FROM approvals_decision WHERE id = NEW.decision_id;
        SELECT * INTO asked FROM approvals_approval WHERE id = taken.approval_id;
        SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
        IF whole.state <> 'open' OR asked.round <> taken.round
            OR asked.state NOT IN ('open', 'approved', 'rejected', 'changes_asked') THEN
            RAISE EXCEPTION 'STATE: decision % can not be taken back any more', taken.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.person_id NOT IN (taken.person_id, COALESCE(taken.for_person_id, taken.person_id))
            OR NEW.for_person_id IS NOT NULL AND NEW.for_person_id IS DISTINCT FROM taken.for_person_id THEN
            RAISE EXCEPTION 'A8: nobody takes back what somebody else decided (decision %)', taken.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_decision d WHERE d.id > taken.id
                   AND d.id IN {COUNTED.format(approval="asked.id", round="asked.round")}) THEN
            RAISE EXCEPTION 'A8: somebody decided after decision %', taken.id USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_party p WHERE p.submission_id = whole.id
                   AND p.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))) THEN
            RAISE EXCEPTION 'SOD-1: a party takes nothing back in submission %', whole.id USING ERRCODE = 'check_violation';
        END IF;
        IF asked.stage = 1 AND asked.state = 'approved' AND EXISTS (
            SELECT 1 FROM approvals_approval a WHERE a.submission_id = whole.id AND a.stage = 2
            AND (a.state NOT IN ('waiting', 'open') OR EXISTS {COUNTED.format(approval="a.id", round="a.round")})) THEN
            RAISE EXCEPTION 'A4: privileges were decided on the strength of decision %', taken.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT {STANDS_IN} THEN
            RAISE EXCEPTION 'A11: nobody stands in for person % without a delegation and the same duty (decision %)',
                NEW.for_person_id, taken.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: An approval that has ended is open again only where what was decided was taken back, while its submission is undecided.
TAKEN_BACK = f"""(OLD.state IN ('approved', 'rejected') AND NEW.state = 'open' AND NEW.round = OLD.round
                 AND (NEW.carried_from_id, NEW.by_policy_id) IS NOT DISTINCT FROM (OLD.carried_from_id, OLD.by_policy_id)
                 AND EXISTS (SELECT 1 FROM approvals_submission w WHERE w.id = OLD.submission_id AND w.state = 'open')
                 AND EXISTS (SELECT 1 FROM approvals_retraction r JOIN approvals_decision d ON d.id = r.decision_id
                             WHERE d.approval_id = OLD.id AND d.round = OLD.round)
                 AND NOT {filled("OLD")}
                 AND NOT EXISTS (SELECT 1 FROM approvals_decision d WHERE d.outcome <> 'approve'
                                 AND d.id IN {COUNTED.format(approval="OLD.id", round="OLD.round")}))"""  # noqa: S608

#: An approval is open again, too, where a conflict takes a signature that it lacks and it is not in force (S6): all that was said stands, but a
#: policy's yes, which is no person's.
TAKES_ANOTHER = f"""(OLD.state = 'approved' AND NEW.state = 'open' AND NEW.round = OLD.round AND NEW.by_policy_id IS NULL
                 AND (NEW.granted_term_days, NEW.granted_level, NEW.granted_scope, NEW.carried_from_id)
                     IS NOT DISTINCT FROM (OLD.granted_term_days, OLD.granted_level, OLD.granted_scope, OLD.carried_from_id)
                 AND EXISTS (SELECT 1 FROM approvals_submission w WHERE w.id = OLD.submission_id AND w.state IN ('open', 'decided'))
                 AND EXISTS (SELECT 1 FROM approvals_seat s WHERE s.approval_id = OLD.id AND s.label = 'conflict'
                             AND NOT EXISTS (SELECT 1 FROM approvals_decision d WHERE d.seat_id = s.id AND d.outcome = 'approve'
                                 AND d.id IN {COUNTED.format(approval="OLD.id", round="OLD.round")})))"""  # noqa: S608

DECISION_PEOPLE = pgtrigger.Trigger(
    name="decision_people",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    declare=[("asked", "approvals_approval%ROWTYPE")],
    func="""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
            SELECT NEW.id, asked.submission_id, asked.stage, NEW.outcome, who
            FROM unnest(ARRAY[NEW.person_id, NEW.for_person_id]) who WHERE who IS NOT NULL;
        RETURN NULL;
    """,
)

CARRIED_DUTIES = pgtrigger.Trigger(
    name="carried_duties",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("asked", "approvals_approval%ROWTYPE"),
        ("whole", "approvals_submission%ROWTYPE"),
        ("was", "approvals_approval%ROWTYPE"),
        ("taken", "approvals_decision%ROWTYPE"),
    ],
    func=f"""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
        SELECT * INTO taken FROM approvals_decision WHERE id = NEW.decision_id;
        SELECT * INTO was FROM approvals_approval WHERE id = taken.approval_id;
        IF asked.state <> 'waiting' OR asked.round <> NEW.round OR taken.outcome = 'ask'
            OR EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = taken.id)
            OR NOT EXISTS (SELECT 1 FROM approvals_submission w WHERE w.id = was.submission_id
                           AND w.automation_id = whole.automation_id AND w.id < whole.id)
            OR NOT EXISTS (SELECT 1 FROM approvals_seat mine JOIN approvals_seat its ON its.label = mine.label
                           WHERE mine.approval_id = asked.id AND its.id = taken.seat_id)
            OR NOT {SAME_QUESTION.format(a="asked", b="was")} THEN
            RAISE EXCEPTION 'A14: decision % does not carry over to approval %', taken.id, asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_party p WHERE p.submission_id = whole.id
                   AND p.person_id IN (taken.person_id, COALESCE(taken.for_person_id, taken.person_id))) THEN
            RAISE EXCEPTION 'SOD-1: the decision of a party does not carry over to submission %', whole.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF asked.stage = 2 AND (taken.person_id IN {APP_DECIDERS} OR taken.for_person_id IN {APP_DECIDERS}) THEN
            RAISE EXCEPTION 'SOD-2: who decided the app decides no privilege resting on it (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

CARRIED_PEOPLE = pgtrigger.Trigger(
    name="carried_people",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    declare=[("asked", "approvals_approval%ROWTYPE"), ("taken", "approvals_decision%ROWTYPE")],
    func="""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO taken FROM approvals_decision WHERE id = NEW.decision_id;
        INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
            SELECT taken.id, asked.submission_id, asked.stage, taken.outcome, who
            FROM unnest(ARRAY[taken.person_id, taken.for_person_id]) who WHERE who IS NOT NULL;
        RETURN NULL;
    """,
)

APPROVED_NEEDS_SEATS = pgtrigger.Trigger(
    name="approved_needs_seats",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state", "carried_from_id", "by_policy_id"),  # type: ignore[no-untyped-call]
    func=f"""
        IF NEW.carried_from_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM approvals_approval a JOIN approvals_submission was ON was.id = a.submission_id
            JOIN approvals_submission w ON w.id = NEW.submission_id AND w.automation_id = was.automation_id
            WHERE a.id = NEW.carried_from_id AND {SAME_QUESTION.format(a="NEW", b="a")}) THEN
            RAISE EXCEPTION 'A12: approval % carries over from one about something else', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state <> 'approved' OR (TG_OP = 'UPDATE' AND OLD.state = 'approved') THEN
            RETURN NEW;
        END IF;
        IF NEW.by_policy_id IS NULL AND NOT {filled("NEW")} THEN
            RAISE EXCEPTION 'A8: approval % has a seat that nobody has filled, or somebody said no', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.stage = 2 AND NOT EXISTS (SELECT 1 FROM approvals_submission w JOIN approvals_approval a
            ON a.id = w.app_approval_id WHERE w.id = NEW.submission_id AND a.state = 'approved') THEN
            RAISE EXCEPTION 'A4: stage 2 opens only when stage 1 is approved (approval %)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: Of each record that has not ended: everybody who was asked, beside it, so that what waits for somebody is found without all that ever did. Once
#: for all who are asked by one statement: written for each, a record would be changed as often as it asks somebody.
ASKED_NAMED = pgtrigger.Trigger(
    name="asked_named",
    level=pgtrigger.Statement,
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]
    func="""
        UPDATE approvals_approval a SET asked = a.asked || ARRAY(SELECT unnest(named.people) EXCEPT SELECT unnest(a.asked))
            FROM (SELECT s.approval_id, array_agg(added.person_id) AS people FROM added
                  JOIN approvals_seat s ON s.id = added.seat_id GROUP BY s.approval_id) named
            WHERE a.id = named.approval_id AND a.state IN ('waiting', 'open', 'changes_asked') AND NOT a.asked @> named.people;
        RETURN NULL;
    """,
)

#: Whoever saves a record does not know who was asked meanwhile, and says nothing of it: the trigger above does.
ASKED_KEPT = pgtrigger.Trigger(
    name="asked_kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF pg_trigger_depth() = 1 THEN
            NEW.asked = OLD.asked;
        END IF;
        RETURN NEW;
    """,
)

PARTY_DECIDED_NOTHING = pgtrigger.Trigger(
    name="party_decided_nothing",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        IF EXISTS (SELECT 1 FROM approvals_decisionperson d
                   WHERE d.submission_id = NEW.submission_id AND d.person_id = NEW.person_id)
            AND NOT EXISTS (SELECT 1 FROM approvals_party p
                            WHERE p.submission_id = NEW.submission_id AND p.person_id = NEW.person_id) THEN
            RAISE EXCEPTION 'SOD-1: who decided in submission % becomes no party of it', NEW.submission_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

QUESTION_FROZEN = pgtrigger.Trigger(
    name="question_frozen",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
        IF (OLD.submission_id, OLD.stage, OLD.kind, OLD.tier, OLD.term_days, OLD.facts, OLD.reasons, OLD.emergency)
            IS DISTINCT FROM
            (NEW.submission_id, NEW.stage, NEW.kind, NEW.tier, NEW.term_days, NEW.facts, NEW.reasons, NEW.emergency)
            OR OLD.privilege_id IS DISTINCT FROM NEW.privilege_id OR OLD.credential_id IS DISTINCT FROM NEW.credential_id
            OR OLD.decided_on_id IS DISTINCT FROM NEW.decided_on_id
            OR OLD.justification_id IS DISTINCT FROM NEW.justification_id
            OR OLD.earlier_id IS DISTINCT FROM NEW.earlier_id THEN
            RAISE EXCEPTION 'A1: what approval % asks is frozen', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.state IN ('approved', 'rejected', 'expired', 'not_applicable', 'withdrawn') AND NOT {TAKEN_BACK} AND NOT {TAKES_ANOTHER}
            AND ((NEW.state, NEW.round, NEW.ended_at) IS DISTINCT FROM (OLD.state, OLD.round, OLD.ended_at)
                OR (NEW.granted_term_days, NEW.granted_level, NEW.granted_scope, NEW.carried_from_id, NEW.by_policy_id)
                    IS DISTINCT FROM
                    (OLD.granted_term_days, OLD.granted_level, OLD.granted_scope, OLD.carried_from_id, OLD.by_policy_id))
        THEN
            RAISE EXCEPTION 'A8: approval % has ended', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: Submitting freezes what is asked: no question is added to a submission that is through (A1).
ASKED_WHILE_OPEN = pgtrigger.Trigger(
    name="asked_while_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        IF NOT EXISTS (SELECT 1 FROM approvals_submission w WHERE w.id = NEW.submission_id AND w.state = 'open') THEN
            RAISE EXCEPTION 'A1: nothing more is asked in submission %', NEW.submission_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: A submission is decided when every record has ended, and put in force after that (A5).
IN_ORDER = pgtrigger.Trigger(
    name="submission_in_order",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),  # type: ignore[no-untyped-call]
    func=f"""
        IF NEW.state = 'in_force' AND (TG_OP = 'INSERT' OR OLD.state NOT IN ('decided', 'in_force')) THEN
            RAISE EXCEPTION 'A5: submission % is not decided', NEW.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state IN ('decided', 'in_force') AND TG_OP = 'UPDATE' AND OLD.state <> NEW.state AND EXISTS (
            SELECT 1 FROM approvals_approval a WHERE a.submission_id = NEW.id
            AND a.state IN ('waiting', 'open', 'changes_asked')) THEN
            RAISE EXCEPTION 'A5: in submission % not every record has ended', NEW.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state IN ('decided', 'in_force') AND TG_OP = 'UPDATE' AND OLD.state <> NEW.state AND EXISTS (
            SELECT 1 FROM approvals_approval a WHERE a.submission_id = NEW.id AND a.state = 'approved'
            AND a.by_policy_id IS NULL AND NOT {filled("a")}) THEN
            RAISE EXCEPTION 'A8: in submission % something is approved that nobody signed', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

SUBMISSION_FROZEN = pgtrigger.Trigger(
    name="submission_frozen",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF (OLD.automation_id, OLD.version_id, OLD.kind, OLD.submitted_by_id, OLD.submitted_at, OLD.policy_id, OLD.tier,
            OLD.reasons, OLD.asked, OLD.digest, OLD.held, OLD.light_path) IS DISTINCT FROM
            (NEW.automation_id, NEW.version_id, NEW.kind, NEW.submitted_by_id, NEW.submitted_at, NEW.policy_id, NEW.tier,
            NEW.reasons, NEW.asked, NEW.digest, NEW.held, NEW.light_path)
            OR (OLD.continues_id, OLD.promoted_from_id) IS DISTINCT FROM (NEW.continues_id, NEW.promoted_from_id)
            OR OLD.app_approval_id IS NOT NULL AND OLD.app_approval_id IS DISTINCT FROM NEW.app_approval_id THEN
            RAISE EXCEPTION 'A1: submission % is frozen', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.state NOT IN ('open', 'decided')
            AND (NEW.state, NEW.ended_at) IS DISTINCT FROM (OLD.state, OLD.ended_at) THEN
            RAISE EXCEPTION 'A5: submission % has ended', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
