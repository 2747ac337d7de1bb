-- Predicates that several triggers share. A predicate that reads rows is plpgsql, because PostgreSQL caches its plan for the session;
-- a set of rows is a plain SQL function, because PostgreSQL inlines it into the query that reads from it.

-- S1: whether one of two people is a party of a submission.
CREATE OR REPLACE FUNCTION is_party(submission bigint, person bigint, for_person bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM approvals_party p WHERE p.submission_id = submission AND p.person_id IN (person, for_person));
END
$$;

-- A8, A14: the decisions that count for an approval in a round: made on it or carried over to it, and not undone.
CREATE OR REPLACE FUNCTION counted_decisions(approval bigint, in_round integer) RETURNS SETOF approvals_decision LANGUAGE sql STABLE AS $$
    SELECT d.* FROM approvals_decision d
    WHERE d.approval_id = approval AND d.round = in_round
      AND NOT EXISTS (SELECT FROM approvals_retraction r WHERE r.decision_id = d.id)
    UNION ALL
    SELECT d.* FROM approvals_carrieddecision c JOIN approvals_decision d ON d.id = c.decision_id
    WHERE c.approval_id = approval AND c.round = in_round
      AND NOT EXISTS (SELECT FROM approvals_retraction r WHERE r.decision_id = d.id)
$$;

-- A8, S6: whether an approving decision fills every seat of an approval, and no counted decision differs.
-- The seat of a conflict may stay empty where another approval with such a seat was refused. The operation checks that both are of the
-- same conflict.
CREATE OR REPLACE FUNCTION is_filled(approval bigint, in_round integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM approvals_seat s WHERE s.approval_id = approval)
        AND NOT EXISTS (
            SELECT FROM approvals_seat s
            WHERE s.approval_id = approval
              AND NOT EXISTS (
                SELECT FROM counted_decisions(approval, in_round) d JOIN approvals_seat its ON its.id = d.seat_id
                WHERE its.label = s.label AND d.outcome = 'approve')
              AND NOT (s.label = 'conflict' AND EXISTS (
                SELECT FROM approvals_approval me
                JOIN approvals_approval other ON other.submission_id = me.submission_id AND other.id <> me.id
                JOIN approvals_seat its ON its.approval_id = other.id AND its.label = 'conflict'
                WHERE me.id = approval AND other.state IN ('rejected', 'expired'))))
        AND NOT EXISTS (SELECT FROM counted_decisions(approval, in_round) d WHERE d.outcome <> 'approve');
END
$$;

-- S2: whether one of two people decided about the app: a decision on its approval, made or carried over, uses both its people up.
CREATE OR REPLACE FUNCTION decided_app(app_approval bigint, person bigint, for_person bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM approvals_decisionperson used
        WHERE used.person_id IN (person, for_person) AND used.decision_id IN (
            SELECT d.id FROM approvals_decision d WHERE d.approval_id = app_approval
            UNION SELECT c.decision_id FROM approvals_carrieddecision c WHERE c.approval_id = app_approval));
END
$$;

-- A12, A14: whether two approvals ask about the same: the app, a privilege with the same key, or the same credential.
CREATE OR REPLACE FUNCTION asks_the_same(one approvals_approval, other approvals_approval) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN one.kind = other.kind AND one.credential_id IS NOT DISTINCT FROM other.credential_id
        AND (SELECT p.key FROM inventory_privilege p WHERE p.id = one.privilege_id)
            IS NOT DISTINCT FROM (SELECT p.key FROM inventory_privilege p WHERE p.id = other.privilege_id);
END
$$;

-- S8: the newest proposal in force about a target.
CREATE OR REPLACE FUNCTION proposal_in_force(of_kind text, of_target text) RETURNS SETOF approvals_proposal LANGUAGE sql STABLE AS $$
    SELECT p.* FROM approvals_proposal p
    WHERE p.kind = of_kind AND p.target = of_target AND p.state = 'in_force'
    ORDER BY p.ended_at DESC, p.id DESC LIMIT 1
$$;

-- I4: a level of access; an unknown one counts as write.
CREATE OR REPLACE FUNCTION known_level(level text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(level, 'unknown', 'write')
$$;

-- A7: whether a level allows something that another does not (`inventory.risk.tiers.is_within`).
CREATE OR REPLACE FUNCTION allows_more(level text, other text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT NOT (known_level(level) = known_level(other) OR known_level(other) = 'admin'
                OR known_level(level) = 'read' AND known_level(other) = 'write')
$$;

-- I4: the higher of two levels (`Privilege.counted_level`).
CREATE OR REPLACE FUNCTION higher_level(level text, other text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['read', 'write', 'execute', 'admin'])[GREATEST(
        array_position(ARRAY['read', 'write', 'execute', 'admin'], known_level(level)),
        array_position(ARRAY['read', 'write', 'execute', 'admin'], known_level(other)))]
$$;

-- T4: how far the tier of a grant has risen since it was approved.
CREATE OR REPLACE FUNCTION raised_by(raised_to text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['', 'standard', 'high'], raised_to)
$$;

-- T1: how sensitive a data class is; an unknown one counts as restricted.
CREATE OR REPLACE FUNCTION class_rank(data_class text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['public', 'internal', 'confidential', 'restricted'], COALESCE(NULLIF(data_class, ''), 'restricted'))
$$;

-- T1: how sensitive an environment is; an unknown one counts as production.
CREATE OR REPLACE FUNCTION environment_rank(environment text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['development', 'test', 'production'], COALESCE(NULLIF(environment, ''), 'production'))
$$;
