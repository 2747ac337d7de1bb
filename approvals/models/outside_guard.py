"""What the database refuses by itself about the third signature: nobody from inside gives it, for themself or for another (S10, A11).

It repeats `third.Insiders` from the rows alone: both teams with their leads, whoever's work it is, owner and deputy, and the teams that
these are in. Who has a signal with a builder follows from what was decided in ninety days, and is asked by the duty alone.
"""

from __future__ import annotations

import pgtrigger

#: People whose teams count: whoever's work it is, the leads of the team that builds, and who answers for what it is about.
_SIDES = """ARRAY(SELECT p.person_id FROM approvals_party p
                      WHERE p.submission_id = whole.id AND p.capacity IN ('importer', 'editor', 'submitter')
                      UNION SELECT whole.submitted_by_id
                      UNION SELECT unnest(ARRAY[t.lead_id, t.deputy_lead_id]) FROM controls_team t WHERE t.id = builds
                      UNION SELECT unnest(ARRAY[r.owner_id, r.deputy_id]) FROM inventory_resource r WHERE r.id = asks_of)"""

FROM_OUTSIDE = pgtrigger.Trigger(
    name="decision_from_outside",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("asked", "approvals_approval%ROWTYPE"),
        ("whole", "approvals_submission%ROWTYPE"),
        ("builds", "bigint"),
        ("asks_of", "bigint"),
        ("sides", "bigint[]"),
        ("who", "bigint[]"),
    ],
    func=f"""
        IF (SELECT s.label FROM approvals_seat s WHERE s.id = NEW.seat_id) IS DISTINCT FROM 'outside' THEN
            RETURN NEW;
        END IF;
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
        SELECT a.team_id INTO builds FROM inventory_automation a WHERE a.id = whole.automation_id;
        asks_of = COALESCE((SELECT e.resource_id FROM inventory_privilege p JOIN inventory_entitlement e
                            ON e.id = p.entitlement_id WHERE p.id = asked.privilege_id), asked.decided_on_id);
        sides = {_SIDES};
        who = ARRAY[NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id)];
        IF who && sides OR EXISTS (
            SELECT 1 FROM controls_team t
            WHERE (t.id = builds OR t.id = (SELECT r.team_id FROM inventory_resource r WHERE r.id = asks_of)
                   OR t.kind <> 'fallback' AND EXISTS (SELECT 1 FROM controls_membership m
                                                       WHERE m.team_id = t.id AND m.person_id = ANY(sides)))
            AND (t.lead_id = ANY(who) OR t.deputy_lead_id = ANY(who)
                 OR t.kind <> 'fallback' AND EXISTS (SELECT 1 FROM controls_membership m
                                                     WHERE m.team_id = t.id AND m.person_id = ANY(who)))) THEN
            RAISE EXCEPTION 'S10: nobody of the two teams gives the signature from outside (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)
