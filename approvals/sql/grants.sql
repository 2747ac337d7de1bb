-- Rules about grants.

-- G1, A13: a grant rests on two approved approvals of one submission in force, and is not longer than they allow.
-- The database must enforce it, because a grant is access.
CREATE OR REPLACE FUNCTION grant_rests_on_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    app approvals_approval%ROWTYPE;
    own approvals_approval%ROWTYPE;
    whole approvals_submission%ROWTYPE;
    app_of approvals_submission%ROWTYPE;
BEGIN
    SELECT * INTO app FROM approvals_approval WHERE id = NEW.app_approval_id;
    SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;
    SELECT * INTO whole FROM approvals_submission WHERE id = own.submission_id;
    SELECT * INTO app_of FROM approvals_submission WHERE id = app.submission_id;
    IF app.kind <> 'app' OR app.state <> 'approved' THEN
        RAISE EXCEPTION 'G1: a grant needs an approved app (approval % is %)', app.id, app.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF own.stage <> 2 OR own.state <> 'approved' THEN
        RAISE EXCEPTION 'G1: a grant needs its own approved approval (approval % is %)', own.id, own.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF own.by_policy_id IS NOT NULL AND ((own.tier, NEW.tier) IS DISTINCT FROM ('low'::varchar, 'low'::varchar)
        OR own.by_policy_id <> whole.policy_id) THEN
        RAISE EXCEPTION 'A13: policy approves only low risk, by the policy version of the submission (approval %)', own.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF whole.automation_id <> NEW.automation_id OR app_of.automation_id <> NEW.automation_id
        OR whole.app_approval_id IS DISTINCT FROM NEW.app_approval_id THEN
        RAISE EXCEPTION 'G1: approvals % and % are no pair of automation %', app.id, own.id, NEW.automation_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.ends_at > NEW.begins_at + make_interval(days => LEAST(
        own.term_days, own.granted_term_days, (SELECT min(d.term_days) FROM counted_decisions(own.id, own.round) d
                                                  WHERE d.outcome = 'approve'))) THEN
        RAISE EXCEPTION 'G1: a grant is never longer than its approval (approval %)', own.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' AND (whole.state <> 'in_force'
        OR NEW.predecessor_id IS NULL AND NEW.begins_at IS DISTINCT FROM whole.ended_at) THEN
        RAISE EXCEPTION 'G1: a grant begins when its submission is put in force (submission % is %)', whole.id, whole.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER grant_rests_on_approvals BEFORE INSERT OR UPDATE OF app_approval_id, approval_id, begins_at, ends_at, predecessor_id ON approvals_grant
    FOR EACH ROW EXECUTE FUNCTION grant_rests_on_approvals();

-- G1, G2, G3: a grant allows the approved access, and no more than the request. A successor is never wider than its predecessor, which was
-- checked when it was written. Narrower levels and scopes are read from the decisions, because nobody can change these.
-- The database must enforce it, because a grant is access.
CREATE OR REPLACE FUNCTION grant_says_what_was_approved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own approvals_approval%ROWTYPE;
    held inventory_privilege%ROWTYPE;
    known inventory_entitlement%ROWTYPE;
    old approvals_grant%ROWTYPE;
BEGIN
    IF NEW.predecessor_id IS NOT NULL THEN
        SELECT * INTO old FROM approvals_grant WHERE id = NEW.predecessor_id;
        IF (old.approval_id, old.app_approval_id) IS DISTINCT FROM (NEW.approval_id, NEW.app_approval_id)
            OR (old.kind, old.tier, old.key, old.target, old.held_as) IS DISTINCT FROM
                (NEW.kind, NEW.tier, NEW.key, NEW.target, NEW.held_as)
            OR old.entitlement_id IS DISTINCT FROM NEW.entitlement_id OR old.credential_id IS DISTINCT FROM NEW.credential_id
            OR allows_more(NEW.level, old.level)
            OR NOT NEW.scope <@ old.scope OR raised_by(NEW.raised_to) < raised_by(old.raised_to) THEN
            RAISE EXCEPTION 'G2: a successor is never wider than grant %', old.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.begins_at >= old.ends_at OR NEW.begins_at > old.ended_at THEN
            RAISE EXCEPTION 'G3: the term of grant % was over', old.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;
    SELECT * INTO held FROM inventory_privilege WHERE id = own.privilege_id;
    SELECT * INTO known FROM inventory_entitlement WHERE id = held.entitlement_id;
    IF own.kind <> NEW.kind OR own.tier <> NEW.tier
        OR own.kind = 'privilege' AND (
            (held.entitlement_id, held.key, held.target) IS DISTINCT FROM (NEW.entitlement_id, NEW.key, NEW.target)
            OR held.credential_id IS DISTINCT FROM NEW.credential_id
            OR NOT NEW.scope <@ held.scope OR NOT NEW.scope <@ COALESCE(own.granted_scope, held.scope)
            OR EXISTS (SELECT FROM counted_decisions(own.id, own.round) d
                       WHERE d.outcome = 'approve' AND NOT NEW.scope <@ d.scope))
        OR own.kind = 'credential' AND own.credential_id IS DISTINCT FROM NEW.credential_id THEN
        RAISE EXCEPTION 'G1: a grant says what was approved (approval %)', own.id USING ERRCODE = 'check_violation';
    END IF;
    IF own.kind = 'privilege' AND (own.granted_level <> '' AND allows_more(NEW.level, own.granted_level)
        OR EXISTS (SELECT FROM counted_decisions(own.id, own.round) d
                   WHERE d.outcome = 'approve' AND d.level <> '' AND allows_more(NEW.level, d.level))) THEN
        RAISE EXCEPTION 'G1: a grant is never more than what was approved (approval %)', own.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF own.kind = 'privilege' AND allows_more(NEW.level, higher_level(held.level, known.level)) THEN
        RAISE EXCEPTION 'G1: a grant is never more than what was asked (approval %)', own.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER grant_says_what_was_approved BEFORE INSERT ON approvals_grant
    FOR EACH ROW EXECUTE FUNCTION grant_says_what_was_approved();

-- G1, T4, G3: the access of a grant never changes, and its term only becomes shorter; an ended grant stays ended.
-- The database must enforce it, because a changed grant is access that nobody approved.
CREATE OR REPLACE FUNCTION grant_never_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.automation_id, OLD.kind, OLD.key, OLD.target, OLD.scope, OLD.level, OLD.sentence, OLD.held_as, OLD.tier,
        OLD.app_approval_id, OLD.approval_id, OLD.begins_at) IS DISTINCT FROM
        (NEW.automation_id, NEW.kind, NEW.key, NEW.target, NEW.scope, NEW.level, NEW.sentence, NEW.held_as, NEW.tier,
        NEW.app_approval_id, NEW.approval_id, NEW.begins_at)
        OR OLD.entitlement_id IS DISTINCT FROM NEW.entitlement_id
        OR OLD.credential_id IS DISTINCT FROM NEW.credential_id
        OR OLD.predecessor_id IS DISTINCT FROM NEW.predecessor_id OR NEW.ends_at > OLD.ends_at THEN
        RAISE EXCEPTION 'G1: grant % never changes what it allows, and never grows', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF raised_by(NEW.raised_to) < raised_by(OLD.raised_to) THEN
        RAISE EXCEPTION 'T4: the risk of grant % falls at its renewal and not before', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'ended' AND NEW.state <> 'ended' THEN
        RAISE EXCEPTION 'G3: grant % has ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER grant_never_grows BEFORE UPDATE ON approvals_grant
    FOR EACH ROW EXECUTE FUNCTION grant_never_grows();

-- A2: a granted credential has a granted privilege that uses it. A credential that no privilege of the version in force
-- uses, such as a trigger's, has none. Checked at the commit, because a renewal ends the old grant before it writes the new one.
-- The database must enforce it, because a credential without a privilege opens access that nobody approved.
CREATE OR REPLACE FUNCTION grant_credential_is_needed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NOT (NEW.kind = 'privilege' AND NEW.state = 'ended') THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM approvals_grant g WHERE g.automation_id = NEW.automation_id AND g.credential_id = NEW.credential_id
               AND g.kind = 'credential' AND g.state <> 'ended')
        AND NOT EXISTS (SELECT FROM approvals_grant g WHERE g.automation_id = NEW.automation_id
                        AND g.credential_id = NEW.credential_id AND g.kind = 'privilege' AND g.state <> 'ended')
        AND EXISTS (SELECT FROM inventory_privilege p JOIN inventory_automation a ON a.approved_version_id = p.version_id
                    WHERE a.id = NEW.automation_id AND p.credential_id = NEW.credential_id) THEN
        RAISE EXCEPTION 'A2: no privilege that uses credential % is granted to automation %', NEW.credential_id, NEW.automation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS grant_credential_is_needed ON approvals_grant;
CREATE CONSTRAINT TRIGGER grant_credential_is_needed AFTER INSERT OR UPDATE OF state ON approvals_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.credential_id IS NOT NULL) EXECUTE FUNCTION grant_credential_is_needed();

-- H1: a grant has the event of its state (`state_on_record` in governance.core).
DROP TRIGGER IF EXISTS inserted_on_record ON approvals_grant;
CREATE CONSTRAINT TRIGGER inserted_on_record AFTER INSERT ON approvals_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION state_on_record('approvals.grant');
DROP TRIGGER IF EXISTS state_on_record ON approvals_grant;
CREATE CONSTRAINT TRIGGER state_on_record AFTER UPDATE OF state ON approvals_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION state_on_record('approvals.grant');
