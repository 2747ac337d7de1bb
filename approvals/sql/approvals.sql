-- Rules about submissions and approvals.

-- A8, A4, A12: an approval is approved when every seat is filled, and in stage 2 after the app was approved; one that carries over asks
-- the same as before.
-- The database must enforce it, because a grant rests on the state "approved" (G1).
CREATE OR REPLACE FUNCTION approved_needs_seats() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.carried_from_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM approvals_approval a JOIN approvals_submission was ON was.id = a.submission_id
        JOIN approvals_submission w ON w.id = NEW.submission_id AND w.automation_id = was.automation_id
        WHERE a.id = NEW.carried_from_id AND asks_the_same(NEW, a)) THEN
        RAISE EXCEPTION 'A12: approval % carries over from one about something else', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> 'approved' OR (TG_OP = 'UPDATE' AND OLD.state = 'approved') THEN
        RETURN NEW;
    END IF;
    IF NEW.by_policy_id IS NULL AND NOT is_filled(NEW.id, NEW.round) THEN
        RAISE EXCEPTION 'A8: approval % has an empty seat or a decision against it', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.stage = 2 AND NOT EXISTS (SELECT FROM approvals_submission w JOIN approvals_approval a
        ON a.id = w.app_approval_id WHERE w.id = NEW.submission_id AND a.state = 'approved') THEN
        RAISE EXCEPTION 'A4: stage 2 opens only when stage 1 is approved (approval %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER approved_needs_seats BEFORE INSERT OR UPDATE OF state, carried_from_id, by_policy_id ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION approved_needs_seats();

-- A1, A8: the question of an approval is frozen, and an ended approval stays ended. It opens again only if a decision was undone before
-- the submission was decided, or if a conflict needs an extra approval before it is in force (S6).
-- The database must enforce it, because a question changed after the decision was never decided.
CREATE OR REPLACE FUNCTION question_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.submission_id, OLD.stage, OLD.kind, OLD.tier, OLD.term_days, OLD.facts, OLD.reasons, OLD.emergency)
        IS DISTINCT FROM
        (NEW.submission_id, NEW.stage, NEW.kind, NEW.tier, NEW.term_days, NEW.facts, NEW.reasons, NEW.emergency)
        OR OLD.privilege_id IS DISTINCT FROM NEW.privilege_id OR OLD.credential_id IS DISTINCT FROM NEW.credential_id
        OR OLD.decided_on_id IS DISTINCT FROM NEW.decided_on_id
        OR OLD.justification_id IS DISTINCT FROM NEW.justification_id
        OR OLD.earlier_id IS DISTINCT FROM NEW.earlier_id THEN
        RAISE EXCEPTION 'A1: the question of approval % is frozen', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state NOT IN ('approved', 'rejected', 'expired', 'not_applicable', 'withdrawn')
        OR (NEW.state, NEW.round, NEW.ended_at, NEW.granted_term_days, NEW.granted_level, NEW.granted_scope)
            IS NOT DISTINCT FROM
            (OLD.state, OLD.round, OLD.ended_at, OLD.granted_term_days, OLD.granted_level, OLD.granted_scope)
        AND (NEW.carried_from_id, NEW.by_policy_id) IS NOT DISTINCT FROM (OLD.carried_from_id, OLD.by_policy_id) THEN
        RETURN NEW;
    END IF;
    IF NEW.state = 'open' AND NEW.round = OLD.round THEN
        -- A decision was undone.
        IF OLD.state IN ('approved', 'rejected')
            AND (NEW.carried_from_id, NEW.by_policy_id) IS NOT DISTINCT FROM (OLD.carried_from_id, OLD.by_policy_id)
            AND EXISTS (SELECT FROM approvals_submission w WHERE w.id = OLD.submission_id AND w.state = 'open')
            AND EXISTS (SELECT FROM approvals_retraction r JOIN approvals_decision d ON d.id = r.decision_id
                        WHERE d.approval_id = OLD.id AND d.round = OLD.round)
            AND NOT is_filled(OLD.id, OLD.round)
            AND NOT EXISTS (SELECT FROM counted_decisions(OLD.id, OLD.round) d WHERE d.outcome <> 'approve') THEN
            RETURN NEW;
        END IF;
        -- A conflict needs an extra approval; every decision stands, but a policy's approval does not.
        IF OLD.state = 'approved' AND NEW.by_policy_id IS NULL
            AND (NEW.granted_term_days, NEW.granted_level, NEW.granted_scope, NEW.carried_from_id)
                IS NOT DISTINCT FROM (OLD.granted_term_days, OLD.granted_level, OLD.granted_scope, OLD.carried_from_id)
            AND EXISTS (SELECT FROM approvals_submission w WHERE w.id = OLD.submission_id AND w.state IN ('open', 'decided'))
            AND EXISTS (SELECT FROM approvals_seat s WHERE s.approval_id = OLD.id AND s.label = 'conflict'
                        AND NOT EXISTS (SELECT FROM counted_decisions(OLD.id, OLD.round) d
                                        WHERE d.seat_id = s.id AND d.outcome = 'approve')) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A8: approval % has ended', OLD.id USING ERRCODE = 'check_violation';
END
$$;
CREATE OR REPLACE TRIGGER question_frozen BEFORE UPDATE ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION question_frozen();

-- A1: no approval is added to a submission that is not open.
-- Beyond the list of models.md: a question added after the decision would be granted without a route.
CREATE OR REPLACE FUNCTION asked_while_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvals_submission w WHERE w.id = NEW.submission_id AND w.state = 'open') THEN
        RAISE EXCEPTION 'A1: submission % takes no more approvals', NEW.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER asked_while_open BEFORE INSERT ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION asked_while_open();

-- A9: `asked` holds every candidate of an approval that has not ended, so that the open tasks of a person are found by one index.
-- The database writes it, once a statement: written for each candidate, an approval would change as often as it has candidates.
CREATE OR REPLACE FUNCTION asked_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE approvals_approval a SET asked = a.asked || ARRAY(SELECT unnest(named.people) EXCEPT SELECT unnest(a.asked))
        FROM (SELECT s.approval_id, array_agg(added.person_id) AS people FROM added
              JOIN approvals_seat s ON s.id = added.seat_id GROUP BY s.approval_id) named
        WHERE a.id = named.approval_id AND a.state IN ('waiting', 'open', 'changes_asked') AND NOT a.asked @> named.people;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER asked_named AFTER INSERT ON approvals_candidate REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION asked_named();

-- A9: only `asked_named` changes `asked`.
-- The database must enforce it, because a process may save an approval that it read before a candidate was added.
CREATE OR REPLACE FUNCTION asked_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        NEW.asked = OLD.asked;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER asked_kept BEFORE UPDATE ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION asked_kept();

-- H1: an ended approval has the event that ended it (`state_on_record` in governance.core).
DROP TRIGGER IF EXISTS inserted_on_record ON approvals_approval;
CREATE CONSTRAINT TRIGGER inserted_on_record AFTER INSERT ON approvals_approval
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IN ('approved', 'rejected', 'expired', 'not_applicable', 'withdrawn'))
    EXECUTE FUNCTION state_on_record('approvals.approval');
DROP TRIGGER IF EXISTS state_on_record ON approvals_approval;
CREATE CONSTRAINT TRIGGER state_on_record AFTER UPDATE OF state ON approvals_approval
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IN ('approved', 'rejected', 'expired', 'not_applicable', 'withdrawn') AND NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION state_on_record('approvals.approval');

-- A1, A5: the content of a submission is frozen, and an ended submission stays ended.
-- The database must enforce it, because every decision is about this content.
CREATE OR REPLACE FUNCTION submission_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.automation_id, OLD.version_id, OLD.kind, OLD.submitted_by_id, OLD.submitted_at, OLD.policy_id, OLD.tier,
        OLD.reasons, OLD.asked, OLD.digest, OLD.held, OLD.light_path) IS DISTINCT FROM
        (NEW.automation_id, NEW.version_id, NEW.kind, NEW.submitted_by_id, NEW.submitted_at, NEW.policy_id, NEW.tier,
        NEW.reasons, NEW.asked, NEW.digest, NEW.held, NEW.light_path)
        OR (OLD.continues_id, OLD.promoted_from_id) IS DISTINCT FROM (NEW.continues_id, NEW.promoted_from_id)
        OR OLD.app_approval_id IS NOT NULL AND OLD.app_approval_id IS DISTINCT FROM NEW.app_approval_id THEN
        RAISE EXCEPTION 'A1: submission % is frozen', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state NOT IN ('open', 'decided')
        AND (NEW.state, NEW.ended_at) IS DISTINCT FROM (OLD.state, OLD.ended_at) THEN
        RAISE EXCEPTION 'A5: submission % has ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER submission_frozen BEFORE UPDATE ON approvals_submission
    FOR EACH ROW EXECUTE FUNCTION submission_frozen();

-- A5, A8: a submission is decided when every approval has ended, each approved one with every seat filled, and put in force after that.
-- The database must enforce it, because a grant begins with the state "in force" (G1).
CREATE OR REPLACE FUNCTION submission_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'in_force' AND (TG_OP = 'INSERT' OR OLD.state NOT IN ('decided', 'in_force')) THEN
        RAISE EXCEPTION 'A5: submission % is not decided', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state NOT IN ('decided', 'in_force') OR TG_OP = 'INSERT' OR OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM approvals_approval a WHERE a.submission_id = NEW.id
               AND a.state IN ('waiting', 'open', 'changes_asked')) THEN
        RAISE EXCEPTION 'A5: submission % has an approval that has not ended', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM approvals_approval a WHERE a.submission_id = NEW.id AND a.state = 'approved'
               AND a.by_policy_id IS NULL AND NOT is_filled(a.id, a.round)) THEN
        RAISE EXCEPTION 'A8: submission % has an approved approval without decisions', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER submission_in_order BEFORE INSERT OR UPDATE OF state ON approvals_submission
    FOR EACH ROW EXECUTE FUNCTION submission_in_order();
