-- Rules about access to remove (G4) and paused mass revocations (G6).

-- G4: a task is open first and closed once; people close it when two of them confirmed the removal.
-- Beyond the list of models.md: a closed task is the evidence that access ended in the target system.
CREATE OR REPLACE FUNCTION revocation_closed_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' THEN
            RAISE EXCEPTION 'G4: a revocation task is open first (grant %)', NEW.grant_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'closed' AND NEW IS DISTINCT FROM OLD OR NEW.grant_id <> OLD.grant_id THEN
        RAISE EXCEPTION 'G4: revocation task % is closed', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'closed' AND NEW.outcome = 'checked' AND
        (SELECT count(DISTINCT w.person_id) FROM approvals_revocationword w
         WHERE w.task_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'G4: two people confirm a removal (task %)', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER revocation_closed_by_two BEFORE INSERT OR UPDATE ON approvals_revocationtask
    FOR EACH ROW EXECUTE FUNCTION revocation_closed_by_two();

-- G4, S1: a person who gains by the access does not confirm its removal. A second person confirms it, not a delegate of the first.
-- Beyond the list of models.md: these rows close a task.
CREATE OR REPLACE FUNCTION revocation_two_others() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    task approvals_revocationtask%ROWTYPE;
    held approvals_grant%ROWTYPE;
BEGIN
    SELECT * INTO task FROM approvals_revocationtask WHERE id = NEW.task_id;
    IF task.state <> 'open' THEN
        RAISE EXCEPTION 'STATE: revocation task % is closed', task.id USING ERRCODE = 'check_violation';
    END IF;
    SELECT * INTO held FROM approvals_grant WHERE id = task.grant_id;
    IF ARRAY[NEW.person_id, NEW.for_person_id] && task.gains::bigint[]
        OR EXISTS (SELECT FROM inventory_automation a WHERE a.id = held.automation_id
                   AND (a.business_owner_id IN (NEW.person_id, NEW.for_person_id)
                        OR a.technical_owner_id IN (NEW.person_id, NEW.for_person_id)))
        OR EXISTS (SELECT FROM approvals_party p JOIN approvals_approval a ON a.submission_id = p.submission_id
                   WHERE a.id IN (held.approval_id, held.app_approval_id)
                   AND p.person_id IN (NEW.person_id, NEW.for_person_id)) THEN
        RAISE EXCEPTION 'G4: a person who gains by the access cannot confirm its removal (task %)', task.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM approvals_revocationword w WHERE w.task_id = task.id
               AND (w.person_id IN (NEW.person_id, NEW.for_person_id)
                    OR w.for_person_id IN (NEW.person_id, NEW.for_person_id)
                    OR stood_in(NEW.person_id, ARRAY[w.person_id], w.said_at, NEW.said_at))) THEN
        RAISE EXCEPTION 'G4: another person gives the second confirmation (task %)', task.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER revocation_two_others BEFORE INSERT ON approvals_revocationword
    FOR EACH ROW EXECUTE FUNCTION revocation_two_others();

-- G6: a batch is open first; security and an admin release or discard it together, and the outcome stays.
-- Beyond the list of models.md: releasing a batch ends many grants at once.
CREATE OR REPLACE FUNCTION held_batch_by_both() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    agreed integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' THEN
            RAISE EXCEPTION 'G6: a batch is open first (cause %)', NEW.cause_id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'open' AND NEW IS DISTINCT FROM OLD
        OR (NEW.cause_id, NEW.opened_at, NEW.answer_by, NEW.comes_again)
           IS DISTINCT FROM (OLD.cause_id, OLD.opened_at, OLD.answer_by, OLD.comes_again) THEN
        RAISE EXCEPTION 'G6: the outcome of batch % stays', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state IN ('released', 'discarded') THEN
        SELECT count(DISTINCT last.person_id) INTO agreed FROM (SELECT DISTINCT ON (a.role) a.role, a.person_id, a.says FROM approvals_batchanswer a
       WHERE a.batch_id = NEW.id ORDER BY a.role, a.id DESC) last
            WHERE last.says = CASE NEW.state WHEN 'released' THEN 'release' ELSE 'discard' END;
        IF agreed < 2 THEN
            RAISE EXCEPTION 'G6: security and an admin give the same answer to a batch (%)', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER held_batch_by_both BEFORE INSERT OR UPDATE ON approvals_heldbatch
    FOR EACH ROW EXECUTE FUNCTION held_batch_by_both();

-- G6, A11: the person who answers a batch holds the role, did not cause the batch, and is not a delegate of the person in the other role.
-- Beyond the list of models.md: these rows release a batch.
CREATE OR REPLACE FUNCTION batch_answer_two_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN
        RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';
    END IF;
    IF NOT holds_role(NEW.person_id, NEW.role, NEW.said_at) THEN
        RAISE EXCEPTION 'G6: an answer as % needs that role (batch %)', NEW.role, NEW.batch_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM approvals_heldbatch b JOIN approvals_endcause c ON c.id = b.cause_id
               WHERE b.id = NEW.batch_id AND c.person_id = NEW.person_id) THEN
        RAISE EXCEPTION 'G6: the person who caused a batch cannot answer it (%)', NEW.batch_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM approvals_batchanswer a WHERE a.batch_id = NEW.batch_id AND a.role <> NEW.role
               AND (a.person_id = NEW.person_id OR stood_in(NEW.person_id, ARRAY[a.person_id], a.said_at, NEW.said_at))) THEN
        RAISE EXCEPTION 'G6: a batch is answered by two people without a delegation between them (%)', NEW.batch_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER batch_answer_two_others BEFORE INSERT ON approvals_batchanswer
    FOR EACH ROW EXECUTE FUNCTION batch_answer_two_others();

-- G6: nothing is added to an ended batch, nor held in two open batches of one cause.
-- Beyond the list of models.md: a grant added after the answer would end without one.
CREATE OR REPLACE FUNCTION held_while_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN
        RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM approvals_heldgrant h JOIN approvals_heldbatch b ON b.id = h.batch_id
               JOIN approvals_heldbatch mine ON mine.id = NEW.batch_id AND mine.cause_id = b.cause_id
               WHERE h.grant_id = NEW.grant_id AND b.state = 'open' AND b.id <> mine.id) THEN
        RAISE EXCEPTION 'G6: grant % is held already', NEW.grant_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER held_while_open BEFORE INSERT ON approvals_heldgrant
    FOR EACH ROW EXECUTE FUNCTION held_while_open();
