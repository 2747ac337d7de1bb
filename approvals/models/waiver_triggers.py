"""What the database itself holds a waiver to: who decides about it, what of it never changes, and how many follow each other (S7, A11)."""

from __future__ import annotations

from datetime import timedelta

import pgtrigger

#: A waiver follows another where no more than this lies between them: one that is asked for again and again is no exception.
GAP = timedelta(days=30)

#: Only what was granted counts. From when it was asked, so that nobody's waiting makes the row any shorter.
IN_A_ROW = pgtrigger.Trigger(
    name="waiver_in_a_row",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    declare=[("before", "integer")],
    func=f"""
        IF NEW.state <> 'granted' OR (TG_OP = 'UPDATE' AND OLD.state = 'granted') THEN
            RETURN NEW;
        END IF;
        SELECT coalesce(max(in_a_row), 0) INTO before FROM approvals_waiver
            WHERE code = NEW.code AND scope = NEW.scope AND id <> NEW.id
            AND CASE WHEN scope = 'chain' THEN covers && NEW.covers ELSE subject = NEW.subject END
            AND state IN ('granted', 'ended') AND ends_at > NEW.asked_at - interval '{GAP.days} days';
        IF NEW.in_a_row <> before + 1 THEN
            RAISE EXCEPTION 'S7: this is waiver % in a row, not %', before + 1, NEW.in_a_row USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: As of proposals: whoever stands in for one of the other side, or did since it was asked for, is no second person.
DECIDED = pgtrigger.Trigger(
    name="waiver_decided",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF NEW.state NOT IN ('granted', 'refused') OR OLD.state <> 'asked' THEN
            RETURN NEW;
        END IF;
        IF EXISTS (SELECT 1 FROM controls_delegation d
                   WHERE (d.giver_id IN (NEW.decided_by_id, NEW.decided_for_id) AND d.taker_id = ANY(NEW.asked_by_id || NEW.beneficiaries)
                          OR d.taker_id IN (NEW.decided_by_id, NEW.decided_for_id) AND d.giver_id = ANY(NEW.asked_by_id || NEW.beneficiaries))
                     AND d.from_at <= NEW.decided_at AND d.until_at > NEW.asked_at
                     AND (d.ended_at IS NULL OR d.ended_at > NEW.asked_at)) THEN
            RAISE EXCEPTION 'A11: who stands in for whoever gains by waiver % does not decide about it', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: Of one that is asked for everything may be decided but what was asked; of one that was decided about, only that it ends, and sooner.
IN_ORDER = pgtrigger.Trigger(
    name="waiver_in_order",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF (NEW.code, NEW.scope, NEW.subject, NEW.automation_id, NEW.covers, NEW.lifts, NEW.reason_id, NEW.control_id, NEW.asked_by_id, NEW.asked_at)
            IS DISTINCT FROM
            (OLD.code, OLD.scope, OLD.subject, OLD.automation_id, OLD.covers, OLD.lifts, OLD.reason_id, OLD.control_id, OLD.asked_by_id, OLD.asked_at)
            OR NEW.days > OLD.days OR NOT NEW.beneficiaries @> OLD.beneficiaries THEN
            RAISE EXCEPTION 'S7: what was asked with waiver % stays as it is', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.state = 'asked' THEN
            IF NEW.state = 'granted' AND NEW.ends_at > NEW.begins_at + make_interval(days => NEW.days) THEN
                RAISE EXCEPTION 'S7: waiver % is no longer than was asked', OLD.id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF (NEW.days, NEW.beneficiaries, NEW.rule_digest, NEW.in_a_row) IS DISTINCT FROM
            (OLD.days, OLD.beneficiaries, OLD.rule_digest, OLD.in_a_row)
            OR NEW.decided_by_id IS DISTINCT FROM OLD.decided_by_id OR NEW.decided_for_id IS DISTINCT FROM OLD.decided_for_id
            OR NEW.decided_at IS DISTINCT FROM OLD.decided_at OR NEW.begins_at IS DISTINCT FROM OLD.begins_at
            OR NEW.follows_id IS DISTINCT FROM OLD.follows_id
            OR NEW.ends_at IS DISTINCT FROM OLD.ends_at AND (OLD.state <> 'granted' OR NOT coalesce(NEW.ends_at < OLD.ends_at, FALSE))
            OR NEW.state <> OLD.state AND (OLD.state, NEW.state) <> ('granted'::varchar, 'ended'::varchar) THEN
            RAISE EXCEPTION 'S7: what was decided about waiver % stays as it is; it only ends sooner', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
