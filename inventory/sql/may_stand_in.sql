-- A11: the possible delegates of a person. Triggers and queries of every app call `may_stand_in`, so that the rule is written once.
--
-- A delegate holds the giver's roles. For each item that the giver owns or leads, the delegate is its deputy, a lead of its own team or
-- a fallback owner. Roles count at the given instant; owners, deputies and leads count as they are now.

-- One row for each item of the giver: its name, and the people who share it besides the fallback owners.
CREATE OR REPLACE FUNCTION responsibilities(giver bigint, at timestamptz) RETURNS TABLE (name text, sharers bigint[])
LANGUAGE sql STABLE AS $$
    WITH interim AS (
        SELECT array_agg(i.id) AS ids FROM inventory_interimowner i
        WHERE i.person_id = giver AND i.confirmed_at <= at AND i.until > at AND (i.ended_at IS NULL OR i.ended_at > at))
    SELECT 'the team ' || t.name, ARRAY[]::bigint[]  -- shared by fallback owners only
    FROM controls_membership m JOIN controls_team t ON t.id = m.team_id WHERE m.person_id = giver AND t.kind = 'fallback'
    UNION ALL
    SELECT 'the team ' || t.name, ARRAY[t.lead_id, t.deputy_lead_id]
    FROM controls_team t WHERE t.lead_id = giver OR t.deputy_lead_id = giver
    UNION ALL
    SELECT r.name, ARRAY[r.owner_id, r.deputy_id, r.named_owner_id, r.named_deputy_id, t.lead_id, t.deputy_lead_id]
    FROM inventory_resource r LEFT JOIN controls_team t ON t.id = r.team_id
    WHERE r.state <> 'retired' AND (r.owner_id = giver OR r.deputy_id = giver OR r.named_owner_id = giver OR r.named_deputy_id = giver
        OR r.interim_id = ANY ((SELECT ids FROM interim)::bigint[]))
    UNION ALL
    SELECT a.name, ARRAY[t.lead_id, t.deputy_lead_id]
    FROM inventory_automation a JOIN controls_team t ON t.id = a.team_id
    WHERE a.state <> 'retired' AND (a.business_owner_id = giver OR a.technical_owner_id = giver
        OR a.interim_id = ANY ((SELECT ids FROM interim)::bigint[]))
    UNION ALL  -- the team of an identity is its automation's
    SELECT n.subject, ARRAY[t.lead_id, t.deputy_lead_id]
    FROM inventory_nonhumanidentity n LEFT JOIN inventory_automation a ON a.id = n.automation_id
    LEFT JOIN controls_team t ON t.id = a.team_id
    WHERE n.state <> 'retired' AND (n.owner_id = giver OR n.interim_id = ANY ((SELECT ids FROM interim)::bigint[]))
    UNION ALL  -- a credential is shared as the resource is on which it is decided
    SELECT COALESCE(NULLIF(c.name, ''), c.kind), ARRAY[r.owner_id, r.deputy_id, t.lead_id, t.deputy_lead_id]
    FROM inventory_credential c LEFT JOIN inventory_resource r ON r.id = COALESCE(c.kept_in_id, c.opens_id)
    LEFT JOIN controls_team t ON t.id = r.team_id
    WHERE c.owner_id = giver OR c.interim_id = ANY ((SELECT ids FROM interim)::bigint[])
$$;

-- A11: whether one person may be the delegate of another.
CREATE OR REPLACE FUNCTION may_stand_in(giver bigint, taker bigint, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (  -- a role that both must hold
        SELECT 1 FROM controls_roleassignment g
        WHERE g.person_id = giver AND g.confirmed_at <= at AND (g.until IS NULL OR g.until > at)
        AND g.role IN ('security_reviewer', 'auditor', 'admin', 'on_call')
        AND NOT EXISTS (
            SELECT 1 FROM controls_roleassignment t
            WHERE t.person_id = taker AND t.confirmed_at <= at AND (t.until IS NULL OR t.until > at) AND t.role = g.role))
    AND (
        EXISTS (
            SELECT 1 FROM controls_membership m JOIN controls_team t ON t.id = m.team_id
            WHERE m.person_id = taker AND t.kind = 'fallback')
        OR NOT EXISTS (
            SELECT 1 FROM responsibilities(giver, at) item WHERE (taker = ANY (item.sharers)) IS NOT TRUE))
$$;

-- Whether a person is the delegate of another at an instant, and still shares the giver's responsibility. Without a giver, no delegate
-- is needed.
CREATE OR REPLACE FUNCTION stands_in_for(taker bigint, giver bigint, at_time timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN giver IS NULL OR EXISTS (
        SELECT FROM controls_delegation d
        WHERE d.giver_id = giver AND d.taker_id = taker
          AND d.from_at <= at_time AND d.until_at > at_time AND (d.ended_at IS NULL OR d.ended_at > at_time)
          AND may_stand_in(giver, taker, at_time));
END
$$;

-- I3: whether a person is the owner, the deputy or, at an instant, an interim owner of a resource.
CREATE OR REPLACE FUNCTION owns_resource(person bigint, resource bigint, at_time timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM inventory_resource r WHERE r.id = resource AND person IN (r.owner_id, r.deputy_id))
    OR EXISTS (
        SELECT FROM inventory_interimowner i
        WHERE i.resource_id = resource AND i.person_id = person
          AND i.confirmed_at <= at_time AND i.until > at_time AND (i.ended_at IS NULL OR i.ended_at > at_time));
END
$$;

-- I3, A11: whether a person owns a resource or is the delegate of one who does. A delegation that is over, or begins later, does not count.
CREATE OR REPLACE FUNCTION answers_for(person bigint, resource bigint, at_time timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN owns_resource(person, resource, at_time) OR EXISTS (
        SELECT FROM controls_delegation d
        WHERE d.taker_id = person
          AND d.from_at <= at_time AND d.until_at > at_time AND (d.ended_at IS NULL OR d.ended_at > at_time)
          AND owns_resource(d.giver_id, resource, at_time) AND may_stand_in(d.giver_id, d.taker_id, at_time));
END
$$;
