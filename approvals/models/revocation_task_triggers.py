"""What the database itself holds a revocation task to: two different people who gain nothing, and closed once (G4)."""

from __future__ import annotations

import pgtrigger

#: A word counts from somebody who does not gain by the access, and a second one from somebody else than the first, nor stood in for by them.
TWO_OTHERS = pgtrigger.Trigger(
    name="revocation_two_others",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("task", "approvals_revocationtask%ROWTYPE"), ("held", "approvals_grant%ROWTYPE")],
    func="""
        SELECT * INTO task FROM approvals_revocationtask WHERE id = NEW.task_id;
        IF task.state <> 'open' THEN
            RAISE EXCEPTION 'STATE: revocation task % is closed', task.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.says <> 'removed' THEN
            RETURN NEW;
        END IF;
        SELECT * INTO held FROM approvals_grant WHERE id = task.grant_id;
        IF ARRAY[NEW.person_id, NEW.for_person_id] && task.gains::bigint[]
            OR EXISTS (SELECT 1 FROM inventory_automation a WHERE a.id = held.automation_id
                       AND (a.business_owner_id IN (NEW.person_id, NEW.for_person_id)
                            OR a.technical_owner_id IN (NEW.person_id, NEW.for_person_id)))
            OR EXISTS (SELECT 1 FROM approvals_party p JOIN approvals_approval a ON a.submission_id = p.submission_id
                       WHERE a.id IN (held.approval_id, held.app_approval_id)
                       AND p.person_id IN (NEW.person_id, NEW.for_person_id)) THEN
            RAISE EXCEPTION 'G4: who gains by the access does not say that it is gone (task %)', task.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_revocationword w WHERE w.task_id = task.id AND w.says = 'removed'
                   AND (w.person_id IN (NEW.person_id, NEW.for_person_id)
                        OR w.for_person_id IN (NEW.person_id, NEW.for_person_id)
                        OR EXISTS (SELECT 1 FROM controls_delegation d
                                   WHERE d.from_at <= NEW.said_at AND d.until_at > w.said_at
                                   AND (d.ended_at IS NULL OR d.ended_at > w.said_at)
                                   AND (d.giver_id, d.taker_id) IN
                                       ((w.person_id, NEW.person_id), (NEW.person_id, w.person_id))))) THEN
            RAISE EXCEPTION 'G4: the second word is another person''s (task %)', task.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: It is open first, closed once, and by people only where two of them said so.
CLOSED_BY_TWO = pgtrigger.Trigger(
    name="revocation_closed_by_two",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    func="""
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'open' THEN
                RAISE EXCEPTION 'G4: a revocation task is open first (grant %)', NEW.grant_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.state = 'closed' AND NEW IS DISTINCT FROM OLD OR NEW.grant_id <> OLD.grant_id THEN
            RAISE EXCEPTION 'G4: revocation task % is closed', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'closed' AND NEW.outcome = 'checked' AND
            (SELECT count(DISTINCT w.person_id) FROM approvals_revocationword w
             WHERE w.task_id = NEW.id AND w.says = 'removed') < 2 THEN
            RAISE EXCEPTION 'G4: two people say that it is removed (task %)', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
