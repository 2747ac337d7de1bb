-- S8: owners, team leads, fallback owners and roles change by proposals. These triggers are on tables of lower apps, because they read
-- proposals.

-- S8, I8: a new resource is proposed and has no owner; the people named for it become its owners, and it is put to use as they accepted it.
-- In use, its owners, kind and team change by a proposal, and so does a lower data class or environment.
-- The database must enforce it, because the owner of a resource approves the privileges on it.
CREATE OR REPLACE FUNCTION resource_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said approvals_proposal%ROWTYPE;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' OR NEW.owner_id IS NOT NULL OR NEW.deputy_id IS NOT NULL THEN
            RAISE EXCEPTION 'S8: a new resource starts as proposed and without an owner' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'proposed' THEN
        IF (NEW.owner_id, NEW.deputy_id) IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id)
            AND (OLD.named_by_id IS NULL
                OR (NEW.owner_id, NEW.deputy_id) IS DISTINCT FROM (OLD.named_owner_id, OLD.named_deputy_id)) THEN
            RAISE EXCEPTION 'S8: only the people named for resource % become its owners', OLD.id USING ERRCODE = 'check_violation';
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
        SELECT * INTO said FROM proposal_in_force('resource_owner', OLD.id::text);
        IF said.id IS NULL
            OR ((said.before ->> 'owner')::bigint, (said.before ->> 'deputy')::bigint) IS DISTINCT FROM (OLD.owner_id, OLD.deputy_id)
            OR ((said.document ->> 'owner')::bigint, (said.document ->> 'deputy')::bigint)
                IS DISTINCT FROM (NEW.owner_id, NEW.deputy_id)
            OR NEW.accepted_at IS DISTINCT FROM
                (CASE WHEN NEW.owner_id IS DISTINCT FROM OLD.owner_id THEN said.ended_at ELSE OLD.accepted_at END)
            OR NEW.deputy_since IS DISTINCT FROM
                (CASE WHEN NEW.deputy_id IS DISTINCT FROM OLD.deputy_id THEN said.ended_at ELSE OLD.deputy_since END) THEN
            RAISE EXCEPTION 'S8: the owners of resource % change by a proposal of two people', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF (NEW.kind, NEW.team_id) IS DISTINCT FROM (OLD.kind, OLD.team_id) THEN
        SELECT * INTO said FROM proposal_in_force('resource_kind', OLD.id::text);
        IF said.id IS NULL
            OR ((said.before ->> 'kind')::text, (said.before ->> 'team')::bigint) IS DISTINCT FROM (OLD.kind, OLD.team_id)
            OR ((said.document ->> 'kind')::text, (said.document ->> 'team')::bigint)
                IS DISTINCT FROM (NEW.kind, NEW.team_id) THEN
            RAISE EXCEPTION 'S8: kind and team of resource % change by a proposal of two people', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF class_rank(NEW.data_class) < class_rank(OLD.data_class) OR environment_rank(NEW.environment) < environment_rank(OLD.environment) THEN
        SELECT * INTO said FROM proposal_in_force('resource_class', OLD.id::text);
        IF said.id IS NULL
            OR ((said.before ->> 'data_class')::text, (said.before ->> 'environment')::text)
                IS DISTINCT FROM (COALESCE(NULLIF(OLD.data_class, ''), 'restricted'), OLD.environment)
            OR ((said.document ->> 'data_class')::text, (said.document ->> 'environment')::text)
                IS DISTINCT FROM (NEW.data_class, NEW.environment)
            OR EXISTS (SELECT FROM inventory_historicalresource h WHERE h.id = OLD.id AND h.history_date >= said.ended_at
                       AND (h.data_class, h.environment) = (NEW.data_class, NEW.environment)) THEN
            RAISE EXCEPTION 'S8: resource % is classified lower by a proposal of two people', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER resource_by_proposal BEFORE INSERT OR UPDATE ON inventory_resource
    FOR EACH ROW EXECUTE FUNCTION resource_by_proposal();

-- S8: whether the newest proposal in force about a lead of a team says that one person follows another, since an instant.
CREATE OR REPLACE FUNCTION lead_by_proposal(of_target text, before_id bigint, after_id bigint, since timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM proposal_in_force('team_lead', of_target) p
        WHERE p.ended_at = since
          AND (p.before ->> 'person')::bigint IS NOT DISTINCT FROM before_id
          AND (p.document ->> 'person')::bigint IS NOT DISTINCT FROM after_id);
END
$$;

-- S8: a team is founded without leads, gets each by a proposal, and keeps its kind.
-- The database must enforce it, because leads approve in stage 1, and members of a fallback team own resources without an owner.
CREATE OR REPLACE FUNCTION leads_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.lead_id IS NOT NULL OR NEW.deputy_lead_id IS NOT NULL THEN
            RAISE EXCEPTION 'S8: a team is founded first, and its leads are proposed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'S8: team % stays what it was founded as', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.lead_id, NEW.lead_since) IS DISTINCT FROM (OLD.lead_id, OLD.lead_since)
            AND NOT lead_by_proposal(OLD.id || '-lead', OLD.lead_id, NEW.lead_id, NEW.lead_since)
        OR (NEW.deputy_lead_id, NEW.deputy_lead_since) IS DISTINCT FROM (OLD.deputy_lead_id, OLD.deputy_lead_since)
            AND NOT lead_by_proposal(OLD.id || '-deputy_lead', OLD.deputy_lead_id, NEW.deputy_lead_id, NEW.deputy_lead_since) THEN
        RAISE EXCEPTION 'S8: the leads of team % change by a proposal of two people', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER leads_by_proposal BEFORE INSERT OR UPDATE ON controls_team
    FOR EACH ROW EXECUTE FUNCTION leads_by_proposal();

-- S8: a person becomes a fallback owner, or stops being one, by a proposal. It counts from the instant at which the person accepted.
-- The database must enforce it, because fallback owners approve for resources and credentials without an owner.
CREATE OR REPLACE FUNCTION fallback_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said approvals_proposal%ROWTYPE;
    was_fallback boolean = TG_OP <> 'INSERT' AND EXISTS (
        SELECT FROM controls_team t WHERE t.id = OLD.team_id AND t.kind = 'fallback');
    is_fallback boolean = TG_OP <> 'DELETE' AND EXISTS (
        SELECT FROM controls_team t WHERE t.id = NEW.team_id AND t.kind = 'fallback');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF was_fallback OR is_fallback THEN
            RAISE EXCEPTION 'S8: who is a fallback owner, and since when, stays as it is' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF is_fallback THEN
        SELECT * INTO said FROM proposal_in_force('fallback_owner', NEW.team_id || '-' || NEW.person_id);
        IF said.id IS NULL OR said.document ->> 'member' <> 'true' OR NEW.since IS DISTINCT FROM said.ended_at THEN
            RAISE EXCEPTION 'S8: somebody becomes a fallback owner by a proposal of two people' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF was_fallback THEN
        SELECT * INTO said FROM proposal_in_force('fallback_owner', OLD.team_id || '-' || OLD.person_id);
        IF said.id IS NULL OR said.document ->> 'member' <> 'false' THEN
            RAISE EXCEPTION 'S8: somebody stops being a fallback owner by a proposal of two people'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER fallback_by_proposal BEFORE INSERT OR UPDATE OR DELETE ON controls_membership
    FOR EACH ROW EXECUTE FUNCTION fallback_by_proposal();

-- S8, S9: a role begins by a proposal that a second admin signed and the person accepted, and ends by a proposal. A role that a proposal
-- removed at once comes back if the proposal is not countersigned. Bootstrap gives the first roles.
-- The database must enforce it, because permissions rest on roles.
CREATE OR REPLACE FUNCTION role_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (to_jsonb(NEW) - 'until') IS DISTINCT FROM (to_jsonb(OLD) - 'until')
            OR OLD.until IS NOT NULL AND NEW.until IS DISTINCT FROM OLD.until THEN
            RAISE EXCEPTION 'S8: who holds a role, and since when, stays as it is' USING ERRCODE = 'check_violation';
        END IF;
        -- The roles of a person who has left end when their directory lists them again.
        IF NEW.until IS NOT NULL AND OLD.until IS NULL AND NOT EXISTS (
            SELECT FROM controls_person WHERE id = NEW.person_id AND left_at <= NEW.until)
          AND NOT EXISTS (
            SELECT FROM approvals_proposal p
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
            SELECT FROM controls_roleassignment was JOIN approvals_proposal p ON p.proposed_at = was.until
            WHERE was.person_id = NEW.person_id AND was.role = NEW.role AND NEW.restores_id = COALESCE(was.restores_id, was.id)
              AND p.kind = 'role' AND p.target = NEW.person_id || '-' || NEW.role AND p.state IN ('rejected', 'lapsed')
              AND p.acting_until IS NOT NULL AND p.ended_at = NEW.confirmed_at) THEN
            RAISE EXCEPTION 'S8: this brings back no role' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM approvals_proposal p
        WHERE p.kind = 'role' AND p.target = NEW.person_id || '-' || NEW.role AND p.document ->> 'held' = 'true'
          AND p.state = 'in_force' AND p.appointed_id = NEW.person_id AND p.accepted_at = NEW.confirmed_at
          AND p.proposed_by_id = NEW.proposed_by_id AND p.answered_by_id = NEW.confirmed_by_id) THEN
        RAISE EXCEPTION 'S8: a role comes of a proposal that two admins signed and the person accepted'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER role_by_proposal BEFORE INSERT OR UPDATE ON controls_roleassignment
    FOR EACH ROW EXECUTE FUNCTION role_by_proposal();
