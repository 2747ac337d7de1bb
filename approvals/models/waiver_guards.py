"""What the database itself holds a waiver to: how many follow each other is counted again when one is granted (S7)."""

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
