-- I9: rules about automations that look like a known one.

-- I9: an app is approved when an approver said whether it is the same as each automation that looks like it.
-- Beyond the list of models.md: the job that finds a likeness runs beside the approvers, and an app without an answer may not go live.
CREATE OR REPLACE FUNCTION alike_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.stage = 1 AND NEW.state = 'approved' AND EXISTS (
        SELECT FROM approvals_likeness l JOIN approvals_submission s ON s.automation_id = l.automation_id
        WHERE s.id = NEW.submission_id AND NOT EXISTS (
            SELECT FROM approvals_likenessanswer a WHERE a.likeness_id = l.id AND NOT EXISTS (
                SELECT FROM approvals_retraction r WHERE r.decision_id = a.decision_id))) THEN
        RAISE EXCEPTION 'I9: submission % has a possible duplicate without an answer', NEW.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER alike_answered BEFORE INSERT OR UPDATE OF state ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION alike_answered();

-- I9: the answer belongs to an approving decision on that app.
-- Beyond the list of models.md: `alike_answered` trusts these rows.
CREATE OR REPLACE FUNCTION answered_with_the_app() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM approvals_decision d JOIN approvals_approval a ON a.id = d.approval_id
        JOIN approvals_submission s ON s.id = a.submission_id JOIN approvals_likeness l ON l.automation_id = s.automation_id
        WHERE d.id = NEW.decision_id AND l.id = NEW.likeness_id AND a.stage = 1 AND d.outcome = 'approve') THEN
        RAISE EXCEPTION 'I9: decision % approves no app that likeness % is about', NEW.decision_id, NEW.likeness_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER answered_with_the_app BEFORE INSERT ON approvals_likenessanswer
    FOR EACH ROW EXECUTE FUNCTION answered_with_the_app();
