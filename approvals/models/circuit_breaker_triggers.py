"""What the database itself holds the brake to: two people of two roles who say the same, and a batch that ends once (G6)."""

from __future__ import annotations

import pgtrigger

#: The last word of each of the two roles on a batch.
_LAST = """SELECT DISTINCT ON (a.role) a.role, a.person_id, a.says FROM approvals_batchanswer a
           WHERE a.batch_id = NEW.id ORDER BY a.role, a.id DESC"""

BY_BOTH = pgtrigger.Trigger(
    name="held_batch_by_both",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    declare=[("agreed", "integer")],
    func=f"""
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'open' THEN
                RAISE EXCEPTION 'G6: a batch is open first (cause %)', NEW.cause_id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.state <> 'open' AND NEW IS DISTINCT FROM OLD
            OR (NEW.cause_id, NEW.opened_at, NEW.answer_by, NEW.comes_again)
               IS DISTINCT FROM (OLD.cause_id, OLD.opened_at, OLD.answer_by, OLD.comes_again) THEN
            RAISE EXCEPTION 'G6: what became of batch % stays', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state IN ('released', 'discarded') THEN
            SELECT count(DISTINCT last.person_id) INTO agreed FROM ({_LAST}) last
                WHERE last.says = CASE NEW.state WHEN 'released' THEN 'release' ELSE 'discard' END;
            IF agreed < 2 THEN
                RAISE EXCEPTION 'G6: security and an admin say the same of a batch (%)', OLD.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: Nothing is added to a batch that has ended, nor to two open ones of one cause.
HELD_WHILE_OPEN = pgtrigger.Trigger(
    name="held_while_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        IF NOT EXISTS (SELECT 1 FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN
            RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_heldgrant h JOIN approvals_heldbatch b ON b.id = h.batch_id
                   JOIN approvals_heldbatch mine ON mine.id = NEW.batch_id AND mine.cause_id = b.cause_id
                   WHERE h.grant_id = NEW.grant_id AND b.state = 'open' AND b.id <> mine.id) THEN
            RAISE EXCEPTION 'G6: grant % is held already', NEW.grant_id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: One person answers in one of the two roles, which they hold; not who caused it; and the two do not stand in for each other.
TWO_OTHERS = pgtrigger.Trigger(
    name="batch_answer_two_others",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        IF NOT EXISTS (SELECT 1 FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN
            RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM controls_roleassignment r WHERE r.person_id = NEW.person_id AND r.role = NEW.role
                       AND r.confirmed_at <= NEW.said_at AND (r.until IS NULL OR r.until > NEW.said_at)) THEN
            RAISE EXCEPTION 'G6: who answers as % holds that role (batch %)', NEW.role, NEW.batch_id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_heldbatch b JOIN approvals_endcause c ON c.id = b.cause_id
                   WHERE b.id = NEW.batch_id AND c.person_id = NEW.person_id) THEN
            RAISE EXCEPTION 'G6: who caused a batch does not answer it (%)', NEW.batch_id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_batchanswer a WHERE a.batch_id = NEW.batch_id AND a.role <> NEW.role
                   AND (a.person_id = NEW.person_id OR EXISTS (
                        SELECT 1 FROM controls_delegation d WHERE d.from_at <= NEW.said_at AND d.until_at > a.said_at
                        AND (d.ended_at IS NULL OR d.ended_at > a.said_at)
                        AND (d.giver_id, d.taker_id) IN
                            ((a.person_id, NEW.person_id), (NEW.person_id, a.person_id))))) THEN
            RAISE EXCEPTION 'G6: two people answer a batch, who do not stand in for each other (%)', NEW.batch_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
