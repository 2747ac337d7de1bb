-- Rules about conflict rules and extra approvals.

-- S6: a combination is signed by an approving decision on its extra approval, so that S1, S2 and A11 hold for the signer.
-- The database must enforce it, because one signature counts for every approval of the combination.
CREATE OR REPLACE FUNCTION signature_by_its_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM approvals_decision d JOIN approvals_seat s ON s.id = d.seat_id JOIN approvals_approval a ON a.id = d.approval_id
        WHERE d.id = NEW.decision_id AND a.submission_id = NEW.submission_id AND s.label = 'conflict' AND d.outcome = 'approve'
          AND (d.person_id, d.reason_id, d.at) IS NOT DISTINCT FROM (NEW.person_id, NEW.reason_id, NEW.at)
          AND d.for_person_id IS NOT DISTINCT FROM NEW.for_person_id
          AND NOT EXISTS (SELECT FROM approvals_retraction r WHERE r.decision_id = d.id)) THEN
        RAISE EXCEPTION 'S6: a conflict is approved by a decision on its extra approval (submission %)', NEW.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER signature_by_its_decision BEFORE INSERT ON approvals_conflictsignature
    FOR EACH ROW EXECUTE FUNCTION signature_by_its_decision();

-- S8: two people signed the text of a conflict rule, as the newest version of its code.
-- The database must enforce it, because a changed rule would let a forbidden combination through.
CREATE OR REPLACE FUNCTION rule_by_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> (SELECT COALESCE(max(r.number), 0) + 1 FROM approvals_conflictrule r WHERE r.code = NEW.code)
        OR EXISTS (SELECT FROM approvals_conflictrule r WHERE r.code = NEW.code AND r.effective_at > NEW.effective_at)
        OR (NEW.document ->> 'mode', NEW.document ->> 'scope', NEW.document ->> 'rating')
            IS DISTINCT FROM (NEW.mode::text, NEW.scope::text, NEW.rating::text)
        OR NOT EXISTS (
            SELECT FROM approvals_proposal p
            WHERE p.state = 'in_force' AND p.ended_at = NEW.effective_at
              AND p.proposed_by_id = NEW.proposed_by_id AND p.answered_by_id = NEW.approved_by_id
              AND p.kind = 'conflict_rule' AND p.target = NEW.code
              AND CASE WHEN NEW.is_given_up THEN NOT p.document ? 'rule' ELSE p.document -> 'rule' = NEW.document END) THEN
        RAISE EXCEPTION 'S8: rule % is not what two people signed', NEW.code USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER rule_by_proposal BEFORE INSERT ON approvals_conflictrule
    FOR EACH ROW WHEN (NOT NEW.ships AND NEW.undoes_id IS NULL AND NEW.until IS NULL) EXECUTE FUNCTION rule_by_proposal();

-- S8: a rule that one person tightened has an end. The rule that replaces it then has the text that two people signed before, or none.
-- The database must enforce it for the reason of `rule_by_proposal`.
CREATE OR REPLACE FUNCTION rule_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was approvals_conflictrule%ROWTYPE;
    acting approvals_conflictrule%ROWTYPE;
BEGIN
    IF NEW.until IS NOT NULL AND NOT EXISTS (
        SELECT FROM approvals_proposal p
        WHERE p.kind = 'conflict_rule' AND p.target = NEW.code AND p.state = 'at_once' AND p.tightens
          AND p.acting_until = NEW.until AND p.proposed_by_id = NEW.proposed_by_id
          AND p.document -> 'rule' = NEW.document AND NOT NEW.is_given_up) THEN
        RAISE EXCEPTION 'S8: rule % is not what one person tightened', NEW.code USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.undoes_id IS NOT NULL THEN
        SELECT * INTO acting FROM approvals_conflictrule WHERE id = NEW.undoes_id;
        SELECT * INTO was FROM approvals_conflictrule
            WHERE code = NEW.code AND until IS NULL ORDER BY number DESC LIMIT 1;
        IF acting.code <> NEW.code OR acting.until IS NULL OR was.number > acting.number
            OR was.id IS NULL AND NOT NEW.is_given_up
            OR was.id IS NOT NULL AND (was.document, was.is_given_up) IS DISTINCT FROM (NEW.document, NEW.is_given_up)
            OR NOT EXISTS (
                SELECT FROM approvals_proposal p
                WHERE p.kind = 'conflict_rule' AND p.target = NEW.code AND p.state IN ('lapsed', 'rejected')
                  AND p.acting_until = acting.until) THEN
            RAISE EXCEPTION 'S8: rule % restores nothing', NEW.code USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER rule_at_once BEFORE INSERT ON approvals_conflictrule
    FOR EACH ROW EXECUTE FUNCTION rule_at_once();
