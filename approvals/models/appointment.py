"""What the database refuses by itself about roles: each comes of a proposal and ends by one, and in no other way (S8, S9)."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger

from governance.controls.models import RoleAssignment

#: A role is given by a proposal that a second admin signed and the person accepted, ends by one, or comes back where one that acted at once
#: was not countersigned. Who gave it, and since when, stays. The first ones are bootstrap's.
ROLE_BY_PROPOSAL = pgtrigger.Trigger(
    name="role_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    func="""
        IF TG_OP = 'UPDATE' THEN
            IF (to_jsonb(NEW) - 'until') IS DISTINCT FROM (to_jsonb(OLD) - 'until')
                OR OLD.until IS NOT NULL AND NEW.until IS DISTINCT FROM OLD.until THEN
                RAISE EXCEPTION 'S8: who holds a role, and since when, stays as it is' USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.until IS NOT NULL AND OLD.until IS NULL AND NOT EXISTS (
                SELECT 1 FROM approvals_proposal p
                WHERE p.kind = 'role' AND p.target = NEW.person_id || '-' || NEW.role AND p.document ->> 'held' = 'false'
                  AND (p.state = 'at_once' AND p.proposed_at = NEW.until OR p.state = 'in_force' AND p.ended_at = NEW.until)) THEN
                RAISE EXCEPTION 'S8: a role ends by a proposal' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.by_bootstrap THEN
            RETURN NEW;
        END IF;
        IF NEW.restores_id IS NOT NULL THEN
            IF NOT EXISTS (
                SELECT 1 FROM controls_roleassignment was JOIN approvals_proposal p ON p.proposed_at = was.until
                WHERE was.person_id = NEW.person_id AND was.role = NEW.role AND NEW.restores_id = COALESCE(was.restores_id, was.id)
                  AND p.kind = 'role' AND p.target = NEW.person_id || '-' || NEW.role AND p.state IN ('rejected', 'lapsed')
                  AND p.acting_until IS NOT NULL AND p.ended_at = NEW.confirmed_at) THEN
                RAISE EXCEPTION 'S8: this brings back no role' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM approvals_proposal p
            WHERE p.kind = 'role' AND p.target = NEW.person_id || '-' || NEW.role AND p.document ->> 'held' = 'true'
              AND p.state = 'in_force' AND p.appointed_id = NEW.person_id AND p.accepted_at = NEW.confirmed_at
              AND p.proposed_by_id = NEW.proposed_by_id AND p.answered_by_id = NEW.confirmed_by_id) THEN
            RAISE EXCEPTION 'S8: a role comes of a proposal that two admins signed and the person accepted'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)


class AppointedRole(RoleAssignment):
    """The same row as `RoleAssignment`, for what the database asks about it that only this app knows."""

    class Meta:
        proxy = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [ROLE_BY_PROPOSAL]
