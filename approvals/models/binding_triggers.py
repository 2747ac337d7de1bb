"""The database's own word on I8: what only parties said of a connection, or what another owner of its host has not agreed to, is approved as
high risk or not at all.
"""

from __future__ import annotations

import pgtrigger

_SIDE = "(r.owner_id, r.deputy_id, (SELECT i.person_id FROM inventory_interimowner i WHERE i.id = r.interim_id))"

#: Whether binding ``b`` of resource ``r`` rests on parties of submission ``s``: see `Binding.is_word_of`.
_BY_PARTY = f"""EXISTS (
                SELECT 1 FROM approvals_party party WHERE party.submission_id = s.id AND (
                    b.confirmed_at IS NOT NULL AND party.person_id IN (b.confirmed_by_id, b.confirmed_for_id, b.moved_by_id, b.moved_for_id)
                    OR b.confirmed_at IS NULL AND party.person_id IN {_SIDE} AND NOT (
                        coalesce(b.proposed_by_id IN {_SIDE}, false) AND NOT EXISTS (
                            SELECT 1 FROM approvals_party other
                            WHERE other.submission_id = s.id AND other.person_id = b.proposed_by_id))))"""  # noqa: S608

#: Whether the host of ``b`` was known for another owner's resource before, for which nobody has agreed but parties and its own side.
_CLAIMED = f"""EXISTS (
                SELECT 1 FROM inventory_binding o JOIN inventory_resource other ON other.id = o.resource_id
                WHERE b.host <> '' AND o.host = b.host AND o.id <> b.id AND o.confirmed_at IS NOT NULL AND o.resource_id <> r.id AND other.state <> 'retired'
                AND (other.owner_id IS NULL OR other.owner_id IS DISTINCT FROM r.owner_id)
                AND (b.known_since IS NULL OR (o.known_since, o.id) < (b.known_since, b.id))
                AND NOT EXISTS (
                    SELECT 1 FROM inventory_hostconsent c WHERE c.binding_id = b.id AND c.resource_id = other.id AND c.opens_id = r.id
                    AND NOT coalesce(c.said_by_id IN {_SIDE} OR c.said_for_id IN {_SIDE}, false)
                    AND NOT EXISTS (SELECT 1 FROM approvals_party party WHERE party.submission_id = s.id
                                    AND party.person_id IN (c.said_by_id, c.said_for_id))))"""  # noqa: S608

ON_WHAT_OTHERS_CONFIRMED = pgtrigger.Trigger(
    name="decision_on_what_others_confirmed",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Q(new__outcome="approve"),
    declare=[("asked", "approvals_approval%ROWTYPE")],
    func=f"""
        SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
        IF asked.stage = 2 AND asked.tier <> 'high' AND EXISTS (
            SELECT 1 FROM approvals_submission s
            JOIN inventory_privilege p ON p.version_id = s.version_id
                AND (p.id = asked.privilege_id OR p.credential_id = asked.credential_id)
            JOIN inventory_entitlement e ON e.id = p.entitlement_id
            JOIN inventory_resource r ON r.id = e.resource_id
            JOIN inventory_binding b ON b.connector = p.connector AND b.instance_name = p.instance AND b.resource_id = r.id
            WHERE s.id = asked.submission_id AND (asked.privilege_id IS NOT NULL OR asked.decided_on_id = r.id)
            AND ({_BY_PARTY} OR {_CLAIMED})) THEN
            RAISE EXCEPTION 'I8: a party confirmed what the connection opens, or its host is another owner''s (approval %)', asked.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)
