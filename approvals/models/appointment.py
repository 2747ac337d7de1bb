"""What the database refuses by itself about who answers: owners, what rules and ladders go by, leads, fallback owners (S8).

Each changes as the last proposal about it says that is in force, from what that proposal found, and in no other way. Since when stands beside it,
so that nobody was there before they were (A9).

What the database refuses by itself about roles: each comes of a proposal and ends by one, and in no other way (S8, S9).
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger

from governance.core.models import Membership, RoleAssignment, Team
from inventory.models import DataClass, Environment, Resource


def _said(kind: str, target: str) -> str:
    """SQL: the last proposal of a kind about a target that is in force, into ``said``: what an older one said is no reason any more."""
    return f"""SELECT * INTO said FROM approvals_proposal p
                WHERE p.kind = '{kind}' AND p.target = {target} AND p.state = 'in_force' ORDER BY p.ended_at DESC, p.id DESC LIMIT 1;"""  # noqa: S608


def _of(document: str, name: str, kind: str = "bigint") -> str:
    return f"({document} ->> '{name}')::{kind}"


def _rank(column: str, values: list[str], unset: str) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"array_position(ARRAY[{listed}]::text[], COALESCE(NULLIF({column}, ''), '{unset}'))"


def _class(row: str) -> str:
    return _rank(f"{row}.data_class", list(DataClass.values), DataClass.RESTRICTED)


def _place(row: str) -> str:
    return _rank(f"{row}.environment", list(Environment.values), Environment.PRODUCTION)


#: What is new is proposed and nobody's; whoever was named becomes its owner, and it is put to use as it stands. What is in use gets another owner,
#: counts as less, or becomes something else or another team's by a proposal; what its owner has raised since is not lowered by it again.
#: And it is not taken back to where one person alone says so.
RESOURCE_BY_PROPOSAL = pgtrigger.Trigger(
    name="resource_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    declare=[("said", "approvals_proposal%ROWTYPE")],
    func=f"""
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'proposed' OR NEW.owner_id IS NOT NULL OR NEW.deputy_id IS NOT NULL THEN
                RAISE EXCEPTION 'S8: something new is proposed, and nobody answers for it yet' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.state = 'proposed' THEN
            IF (NEW.owner_id, NEW.deputy_id) IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id)
                AND (OLD.named_by_id IS NULL
                    OR (NEW.owner_id, NEW.deputy_id) IS DISTINCT FROM (OLD.named_owner_id, OLD.named_deputy_id)) THEN
                RAISE EXCEPTION 'S8: whoever was named comes to answer for resource %', OLD.id USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.state = 'active' AND ((NEW.owner_id, NEW.deputy_id, NEW.accepted_at, NEW.deputy_since)
                IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id, OLD.accepted_at, OLD.deputy_since)
                OR (NEW.kind, NEW.team_id, NEW.data_class, NEW.environment)
                IS DISTINCT FROM (OLD.kind, OLD.team_id, OLD.data_class, OLD.environment)
                OR OLD.named_owner_id IS NOT NULL) THEN
                RAISE EXCEPTION 'I8: resource % is put to use as its owner accepted it', OLD.id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.state = 'proposed' THEN
            RAISE EXCEPTION 'S8: resource % was in use', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF (NEW.owner_id, NEW.deputy_id, NEW.accepted_at, NEW.deputy_since)
            IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id, OLD.accepted_at, OLD.deputy_since) THEN
            {_said("resource_owner", "OLD.id::text")}
            IF said.id IS NULL
                OR ({_of("said.before", "owner")}, {_of("said.before", "deputy")}) IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id)
                OR ({_of("said.document", "owner")}, {_of("said.document", "deputy")})
                    IS DISTINCT FROM (NEW.owner_id, NEW.deputy_id)
                OR NEW.accepted_at IS DISTINCT FROM
                    (CASE WHEN NEW.owner_id IS DISTINCT FROM OLD.owner_id THEN said.ended_at ELSE OLD.accepted_at END)
                OR NEW.deputy_since IS DISTINCT FROM
                    (CASE WHEN NEW.deputy_id IS DISTINCT FROM OLD.deputy_id THEN said.ended_at ELSE OLD.deputy_since END) THEN
                RAISE EXCEPTION 'S8: who answers for resource % changes by a proposal of two people', OLD.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        IF (NEW.kind, NEW.team_id) IS DISTINCT FROM (OLD.kind, OLD.team_id) THEN
            {_said("resource_kind", "OLD.id::text")}
            IF said.id IS NULL
                OR ({_of("said.before", "kind", "text")}, {_of("said.before", "team")}) IS DISTINCT FROM (OLD.kind, OLD.team_id)
                OR ({_of("said.document", "kind", "text")}, {_of("said.document", "team")})
                    IS DISTINCT FROM (NEW.kind, NEW.team_id) THEN
                RAISE EXCEPTION 'S8: what resource % is, and whose, changes by a proposal of two people', OLD.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        IF {_class("NEW")} < {_class("OLD")} OR {_place("NEW")} < {_place("OLD")} THEN
            {_said("resource_class", "OLD.id::text")}
            IF said.id IS NULL
                OR ({_of("said.before", "data_class", "text")}, {_of("said.before", "environment", "text")})
                    IS DISTINCT FROM (COALESCE(NULLIF(OLD.data_class, ''), 'restricted'), OLD.environment)
                OR ({_of("said.document", "data_class", "text")}, {_of("said.document", "environment", "text")})
                    IS DISTINCT FROM (NEW.data_class, NEW.environment)
                OR EXISTS (SELECT 1 FROM inventory_historicalresource h WHERE h.id = OLD.id AND h.history_date >= said.ended_at
                           AND (h.data_class, h.environment) = (NEW.data_class, NEW.environment)) THEN
                RAISE EXCEPTION 'S8: resource % counts as less by a proposal of two people', OLD.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)


def _seat(seat: str) -> str:
    """SQL: a team's lead, or deputy, changes as the last proposal about that seat says, from then on."""
    return f"""IF (NEW.{seat}_id, NEW.{seat}_since) IS DISTINCT FROM (OLD.{seat}_id, OLD.{seat}_since) THEN
            {_said("team_lead", f"OLD.id || '-{seat}'")}
            IF said.id IS NULL OR NEW.{seat}_since IS DISTINCT FROM said.ended_at
                OR {_of("said.before", "person")} IS DISTINCT FROM OLD.{seat}_id
                OR {_of("said.document", "person")} IS DISTINCT FROM NEW.{seat}_id THEN
                RAISE EXCEPTION 'S8: who leads team % changes by a proposal of two people', OLD.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END IF;"""


#: A team is founded without leads, gets each by a proposal, and stays what it is: what becomes one of fallback owners would make owners of its members.
LEADS_BY_PROPOSAL = pgtrigger.Trigger(
    name="leads_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    declare=[("said", "approvals_proposal%ROWTYPE")],
    func=f"""
        IF TG_OP = 'INSERT' THEN
            IF NEW.lead_id IS NOT NULL OR NEW.deputy_lead_id IS NOT NULL THEN
                RAISE EXCEPTION 'S8: a team is founded first, and its leads are proposed' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.kind <> OLD.kind THEN
            RAISE EXCEPTION 'S8: team % stays what it was founded as', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        {_seat("lead")}
        {_seat("deputy_lead")}
        RETURN NEW;
    """,
)

_FALLBACK = "EXISTS (SELECT 1 FROM controls_team t WHERE t.id = {row}.team_id AND t.kind = 'fallback')"


def _is_member(row: str, said: str) -> str:
    return f"""{_said("fallback_owner", f"{row}.team_id || '-' || {row}.person_id")}
            IF said.id IS NULL OR said.document ->> 'member' <> '{said}'"""


#: Somebody becomes a fallback owner, or is one no more, by a proposal; since when is when they accepted it.
FALLBACK_BY_PROPOSAL = pgtrigger.Trigger(
    name="fallback_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
    declare=[("said", "approvals_proposal%ROWTYPE")],
    func=f"""
        IF TG_OP = 'UPDATE' THEN
            IF {_FALLBACK.format(row="OLD")} OR {_FALLBACK.format(row="NEW")} THEN
                RAISE EXCEPTION 'S8: who is a fallback owner, and since when, stays as it is' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF TG_OP = 'INSERT' AND {_FALLBACK.format(row="NEW")} THEN
            {_is_member("NEW", "true")} OR NEW.since IS DISTINCT FROM said.ended_at THEN
                RAISE EXCEPTION 'S8: somebody becomes a fallback owner by a proposal of two people' USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        IF TG_OP = 'DELETE' THEN
            IF {_FALLBACK.format(row="OLD")} THEN
                {_is_member("OLD", "false")} THEN
                    RAISE EXCEPTION 'S8: somebody stops being a fallback owner by a proposal of two people'
                        USING ERRCODE = 'check_violation';
                END IF;
            END IF;
            RETURN OLD;
        END IF;
        RETURN NEW;
    """,
)


class AnsweredResource(Resource):
    """The same row as `Resource`, for what the database asks about it that only this app knows."""

    class Meta:
        proxy = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [RESOURCE_BY_PROPOSAL]


class LedTeam(Team):
    """The same row as `Team`, for the same."""

    class Meta:
        proxy = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [LEADS_BY_PROPOSAL]


class FallbackMembership(Membership):
    """The same row as `Membership`, for the same."""

    class Meta:
        proxy = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [FALLBACK_BY_PROPOSAL]


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
