"""What the database refuses by itself: duties and dependencies as triggers and checks (S2, S5, G1).

Raw SQL, another program, a mistake in a duty: none gets past these. They repeat the duties on purpose, from the rows alone.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Func


class _NotBarred(Func):
    """``person <> ALL(barred)``, and the same for whom they stand for."""

    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **extra):  # type: ignore[no-untyped-def, override]  # Django's own is untyped
        return '("person_id" <> ALL("barred") AND ("for_person_id" IS NULL OR "for_person_id" <> ALL("barred")))', ()


#: The parties' ids stand in the decision itself, and neither decider nor represented is among them (S1).
NOT_BARRED = _NotBarred(F("person"), F("for_person"), F("barred"))

DECISION_DUTIES = pgtrigger.Trigger(
    name="decision_duties",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("asked", "approvals_approval%ROWTYPE"), ("whole", "approvals_submission%ROWTYPE")],
    func="""
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
        IF asked.stage = 2 AND EXISTS (
            SELECT 1 FROM approvals_decisionperson dp JOIN approvals_decision d ON d.id = dp.decision_id
            WHERE d.approval_id = whole.app_approval_id
              AND dp.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))) THEN
            RAISE EXCEPTION 'SOD-2: who decided the app decides no privilege resting on it (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM approvals_candidate c WHERE c.seat_id = NEW.seat_id
                       AND c.person_id = COALESCE(NEW.for_person_id, NEW.person_id)) THEN
            RAISE EXCEPTION 'A9: not a candidate of seat %', NEW.seat_id USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_decisionperson dp JOIN approvals_decision d ON d.id = dp.decision_id
                   WHERE d.approval_id = NEW.approval_id AND d.round = NEW.round AND d.outcome = 'approve'
                     AND (d.seat_id = NEW.seat_id
                          OR dp.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id)))) THEN
            RAISE EXCEPTION 'A8: seats are filled by distinct people, each once (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

DECISION_PEOPLE = pgtrigger.Trigger(
    name="decision_people",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    declare=[("asked", "approvals_approval%ROWTYPE")],
    func="""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
            VALUES (NEW.id, asked.submission_id, asked.stage, NEW.outcome, NEW.person_id);
        IF NEW.for_person_id IS NOT NULL THEN
            INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
                VALUES (NEW.id, asked.submission_id, asked.stage, NEW.outcome, NEW.for_person_id);
        END IF;
        RETURN NULL;
    """,
)

GRANT_RESTS_ON_APPROVALS = pgtrigger.Trigger(
    name="grant_rests_on_approvals",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert
    | pgtrigger.UpdateOf("app_approval_id", "approval_id", "begins_at", "ends_at", "predecessor_id"),  # type: ignore[no-untyped-call]
    declare=[("app", "approvals_approval%ROWTYPE"), ("own", "approvals_approval%ROWTYPE")],
    func="""
        SELECT * INTO app FROM approvals_approval WHERE id = NEW.app_approval_id;
        SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;
        IF app.kind <> 'app' OR app.state <> 'approved' THEN
            RAISE EXCEPTION 'G1: a grant needs an approved app (approval % is %)', app.id, app.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF own.stage <> 2 OR own.state <> 'approved' THEN
            RAISE EXCEPTION 'G1: a grant needs its own approved approval (approval % is %)', own.id, own.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.ends_at > NEW.begins_at + make_interval(days => COALESCE(own.granted_term_days, own.term_days)) THEN
            RAISE EXCEPTION 'G1: a grant is never longer than its approval (approval %)', own.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

APPROVED_NEEDS_SEATS = pgtrigger.Trigger(
    name="approved_needs_seats",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state", "carried_from_id", "by_policy_id"),  # type: ignore[no-untyped-call]
    func="""
        IF NEW.state <> 'approved' OR (TG_OP = 'UPDATE' AND OLD.state = 'approved') THEN
            RETURN NEW;
        END IF;
        IF NEW.carried_from_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM approvals_approval a JOIN approvals_submission was ON was.id = a.submission_id
            JOIN approvals_submission w ON w.id = NEW.submission_id AND w.automation_id = was.automation_id
            WHERE a.id = NEW.carried_from_id AND a.state = 'approved' AND a.kind = NEW.kind) THEN
            RAISE EXCEPTION 'A12: approval % carries over from one that is not approved for this automation', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.by_policy_id IS NULL AND NEW.carried_from_id IS NULL AND (
            NOT EXISTS (SELECT 1 FROM approvals_seat s WHERE s.approval_id = NEW.id)
            OR EXISTS (SELECT 1 FROM approvals_seat s WHERE s.approval_id = NEW.id AND NOT EXISTS (
                SELECT 1 FROM approvals_decision d
                WHERE d.seat_id = s.id AND d.round = NEW.round AND d.outcome = 'approve'))) THEN
            RAISE EXCEPTION 'A8: approval % has a seat that nobody has filled', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.stage = 2 AND EXISTS (SELECT 1 FROM approvals_submission w JOIN approvals_approval a
            ON a.id = w.app_approval_id WHERE w.id = NEW.submission_id AND a.state <> 'approved') THEN
            RAISE EXCEPTION 'A4: stage 2 opens only when stage 1 is approved (approval %)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
