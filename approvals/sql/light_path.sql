-- A13: auto-approvals and their spot checks.

-- A13: serialise the auto-approvals of a builder until the transaction ends (`approvals.light_path.eligibility.lock`).
CREATE OR REPLACE FUNCTION lock_light_path(builder bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('approvals.light_path:' || builder, 0))
$$;

-- A13: policy approves an open low-risk approval of stage 2 that is on the light path: as it was asked, at the moment in which the app was
-- approved, with no objection, on confirmed connections, and no more for a builder than the submission's policy allows.
-- The database must enforce it, because no person stands behind such an approval.
CREATE OR REPLACE FUNCTION by_policy_narrowly() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whole approvals_submission%ROWTYPE;
    app approvals_approval%ROWTYPE;
    said jsonb;
    who bigint;
BEGIN
    IF NEW.by_policy_id IS NULL OR NEW.tier <> 'low' OR NEW.stage <> 2 THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' OR OLD.state <> 'waiting' OR NEW.state <> 'approved' OR NEW.emergency
        OR NEW.round <> 1 OR NEW.carried_from_id IS NOT NULL OR NEW.earlier_id IS NOT NULL OR cardinality(OLD.asked) > 0
        OR (NEW.granted_term_days, NEW.granted_level, NEW.granted_scope)
            IS DISTINCT FROM (NEW.term_days, ''::varchar, NULL::text[])
        OR EXISTS (SELECT FROM approvals_decision d WHERE d.approval_id = NEW.id) THEN
        RAISE EXCEPTION 'A13: policy approves only open approvals that no person was asked for (approval %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT * INTO whole FROM approvals_submission WHERE id = NEW.submission_id;
    SELECT * INTO app FROM approvals_approval WHERE id = whole.app_approval_id;
    SELECT document->'light_path' INTO said FROM approvals_policyversion WHERE id = NEW.by_policy_id;
    IF NOT whole.light_path OR whole.state <> 'open' OR whole.tier <> 'low' OR NEW.by_policy_id <> whole.policy_id
        OR said IS NULL OR app.submission_id IS DISTINCT FROM whole.id OR app.state <> 'approved'
        OR NEW.ended_at IS DISTINCT FROM app.ended_at
        OR NOT EXISTS (SELECT FROM approvals_decision d WHERE d.approval_id = app.id AND d.round = app.round
                       AND d.outcome = 'approve' AND d.at = app.ended_at)
        OR EXISTS (SELECT FROM approvals_approval a WHERE a.submission_id = whole.id AND a.tier <> 'low')
        OR EXISTS (SELECT FROM approvals_comment c WHERE c.submission_id = whole.id AND c.is_objection) THEN
        RAISE EXCEPTION 'A13: submission % is not on the light path of policy %', whole.id, NEW.by_policy_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM inventory_privilege p JOIN inventory_entitlement e ON e.id = p.entitlement_id
               WHERE p.version_id = whole.version_id AND p.connector <> 'register' AND NOT EXISTS (
                   SELECT FROM inventory_binding b WHERE b.connector = p.connector AND b.instance_name = p.instance
                   AND b.confirmed_at IS NOT NULL AND b.moving_to_id IS NULL AND b.resource_id = e.resource_id)) THEN
        RAISE EXCEPTION 'A13: policy approves nothing on a connection that no owner has confirmed (approval %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    FOR who IN SELECT p.person_id FROM approvals_party p
        WHERE p.submission_id = whole.id AND p.capacity IN ('importer', 'editor', 'submitter')
        UNION SELECT whole.submitted_by_id ORDER BY 1 LOOP
        PERFORM lock_light_path(who);
        IF (SELECT count(*) FROM approvals_approval a WHERE a.by_policy_id IS NOT NULL
            AND a.ended_at > NEW.ended_at - make_interval(days => (said->>'days')::int)
            AND EXISTS (SELECT FROM approvals_party p WHERE p.submission_id = a.submission_id AND p.person_id = who
                        AND p.capacity IN ('importer', 'editor', 'submitter'))) >= (said->>'grants')::int THEN
            RAISE EXCEPTION 'A13: policy has approved as much for a builder of submission % as it may', whole.id
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER by_policy_narrowly BEFORE INSERT OR UPDATE OF state, by_policy_id ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION by_policy_narrowly();

-- S1: a party does not spot-check their own submission.
-- The database must enforce it, because the spot check is the second pair of eyes on an auto-approval.
CREATE OR REPLACE FUNCTION sample_looker_no_party() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.looked_by_id IS NOT NULL AND is_party(NEW.submission_id, NEW.looked_by_id, NEW.looked_for_id) THEN
        RAISE EXCEPTION 'SOD-1: a party cannot spot-check submission %', NEW.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER sample_looker_no_party BEFORE INSERT OR UPDATE ON approvals_sample
    FOR EACH ROW EXECUTE FUNCTION sample_looker_no_party();

-- S2: a person who decided about the app does not spot-check the auto-approvals under it.
-- The database must enforce it, so that two people stand behind each grant.
CREATE OR REPLACE FUNCTION sample_looker_decided_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.looked_by_id IS NOT NULL AND NEW.approval_id IS NOT NULL AND EXISTS (
        SELECT FROM approvals_decisionperson d WHERE d.submission_id = NEW.submission_id AND d.stage = 1
        AND d.person_id IN (NEW.looked_by_id, COALESCE(NEW.looked_for_id, NEW.looked_by_id))) THEN
        RAISE EXCEPTION 'SOD-2: a person who decided about the app cannot spot-check its privileges (submission %)',
            NEW.submission_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER sample_looker_decided_nothing BEFORE INSERT OR UPDATE ON approvals_sample
    FOR EACH ROW EXECUTE FUNCTION sample_looker_decided_nothing();

-- A13: a spot check is drawn once, and its verdict stays.
-- Beyond the list of models.md: drawing again until another approval is drawn would make the spot check worthless.
CREATE OR REPLACE FUNCTION sample_drawn_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.drawn_from_seal IS NOT NULL AND NEW.drawn_from_seal IS DISTINCT FROM OLD.drawn_from_seal)
        OR OLD.submission_id <> NEW.submission_id OR OLD.approval_id IS DISTINCT FROM NEW.approval_id
        OR (OLD.due_at IS NOT NULL AND NEW.due_at IS DISTINCT FROM OLD.due_at)
        OR (OLD.state = 'open' AND NEW.state IN ('waiting', 'not_drawn'))
        OR (OLD.state NOT IN ('waiting', 'open') AND NEW.state <> OLD.state) THEN
        RAISE EXCEPTION 'A13: spot check % was drawn and stays as it was', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER sample_drawn_once BEFORE UPDATE ON approvals_sample
    FOR EACH ROW EXECUTE FUNCTION sample_drawn_once();
