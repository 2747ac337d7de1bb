-- Rules about decisions: making, undoing and carrying over.

-- S1, S2, A8, A9, A11: a decision is on an open approval, by a candidate or the candidate's delegate. This person is not a party,
-- decided nothing about the app, and fills no second seat.
-- The database must enforce it, because every grant rests on these rows. The operation locks the submission, so that two requests in the
-- same instant come one after the other.
CREATE OR REPLACE FUNCTION decision_duties() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked approvals_approval%ROWTYPE;
    whole approvals_submission%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
    SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
    IF asked.state <> 'open' OR asked.round <> NEW.round THEN
        RAISE EXCEPTION 'STATE: approval % takes no decision in state %, round %', asked.id, asked.state, asked.round
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM approvals_seat s WHERE s.id = NEW.seat_id AND s.approval_id = NEW.approval_id) THEN
        RAISE EXCEPTION 'A8: seat % is not a seat of approval %', NEW.seat_id, asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF is_party(asked.submission_id, NEW.person_id, NEW.for_person_id) THEN
        RAISE EXCEPTION 'SOD-1: a party decides nothing in submission %', asked.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF asked.stage = 2 AND decided_app(whole.app_approval_id, NEW.person_id, NEW.for_person_id) THEN
        RAISE EXCEPTION 'SOD-2: stage 1 and stage 2 are decided by different people (approval %)', asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.again <> (SELECT count(*) FROM approvals_decision d JOIN approvals_retraction r ON r.decision_id = d.id
                     WHERE d.approval_id = NEW.approval_id AND d.person_id = NEW.person_id AND d.round = NEW.round) THEN
        RAISE EXCEPTION 'A8: a person undoes their earlier decision before a new one (approval %)', asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM approvals_candidate c WHERE c.seat_id = NEW.seat_id
                   AND c.person_id = COALESCE(NEW.for_person_id, NEW.person_id)) THEN
        RAISE EXCEPTION 'A9: not a candidate of seat %', NEW.seat_id USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM counted_decisions(NEW.approval_id, NEW.round) d
               JOIN approvals_seat s ON s.id = d.seat_id JOIN approvals_decisionperson used ON used.decision_id = d.id
               WHERE d.outcome = 'approve'
                 AND (s.label = (SELECT label FROM approvals_seat WHERE id = NEW.seat_id)
                      OR used.person_id IN (NEW.person_id, NEW.for_person_id))) THEN
        RAISE EXCEPTION 'A8: seats are filled by distinct people, each once (approval %)', asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT stands_in_for(NEW.person_id, NEW.for_person_id, NEW.at) THEN
        RAISE EXCEPTION 'A11: a decision for person % needs a delegation and the same duty (approval %)',
            NEW.for_person_id, asked.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER decision_duties BEFORE INSERT ON approvals_decision
    FOR EACH ROW EXECUTE FUNCTION decision_duties();

-- S2: a decision uses up the person who made it and the person it was made for; the exclusion constraint on these rows keeps the stages
-- apart. The database writes them, because a decision without them would not count against its people.
CREATE OR REPLACE FUNCTION decision_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
        SELECT NEW.id, asked.submission_id, asked.stage, NEW.outcome, used.person
        FROM approvals_approval asked, unnest(ARRAY[NEW.person_id, NEW.for_person_id]) used(person)
        WHERE asked.id = NEW.approval_id AND used.person IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER decision_people AFTER INSERT ON approvals_decision
    FOR EACH ROW EXECUTE FUNCTION decision_people();

-- H1: at the commit, a decision has the event of the same person about its approval, written in this transaction.
-- The database must enforce it, because a decision written past the transitions has no event.
CREATE OR REPLACE FUNCTION decision_on_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM (
            SELECT e.xid, e.verb, e.actor_id, e.for_id FROM controls_ledgerevent e
            WHERE e.subject_type = 'approvals.approval' AND e.subject_id = NEW.approval_id::text AND e.outcome = 'done'
            ORDER BY e.id DESC LIMIT 100) e
        WHERE e.xid = pg_current_xact_id()
          AND e.verb = CASE NEW.outcome WHEN 'approve' THEN 'approval.approved'
                                        WHEN 'reject' THEN 'approval.rejected' ELSE 'approval.changes_asked' END
          AND e.actor_id = (SELECT p.opaque_id::text FROM controls_person p WHERE p.id = NEW.person_id)
          AND e.for_id = COALESCE((SELECT p.opaque_id::text FROM controls_person p WHERE p.id = NEW.for_person_id), '')) THEN
        RAISE EXCEPTION 'H1: this transaction has no event for decision %', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS decision_on_record ON approvals_decision;
CREATE CONSTRAINT TRIGGER decision_on_record AFTER INSERT ON approvals_decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION decision_on_record();

-- A8, S1, A4, A11: the last decision on an approval is undone by its own people, while the submission is open and nothing rests on it.
-- The database must enforce it, because an undone decision no longer counts for a grant.
CREATE OR REPLACE FUNCTION retraction_duties() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken approvals_decision%ROWTYPE;
    asked approvals_approval%ROWTYPE;
    whole approvals_submission%ROWTYPE;
BEGIN
    SELECT * INTO taken FROM approvals_decision WHERE id = NEW.decision_id;
    SELECT * INTO asked FROM approvals_approval WHERE id = taken.approval_id;
    SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
    IF whole.state <> 'open' OR asked.round <> taken.round
        OR asked.state NOT IN ('open', 'approved', 'rejected', 'changes_asked') THEN
        RAISE EXCEPTION 'STATE: decision % can not be taken back any more', taken.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.person_id NOT IN (taken.person_id, COALESCE(taken.for_person_id, taken.person_id))
        OR NEW.for_person_id IS NOT NULL AND NEW.for_person_id IS DISTINCT FROM taken.for_person_id THEN
        RAISE EXCEPTION 'A8: a decision is undone only by the person who made it (decision %)', taken.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM counted_decisions(asked.id, asked.round) d WHERE d.id > taken.id) THEN
        RAISE EXCEPTION 'A8: somebody decided after decision %', taken.id USING ERRCODE = 'check_violation';
    END IF;
    IF is_party(whole.id, NEW.person_id, NEW.for_person_id) THEN
        RAISE EXCEPTION 'SOD-1: a party takes nothing back in submission %', whole.id USING ERRCODE = 'check_violation';
    END IF;
    IF asked.stage = 1 AND asked.state = 'approved' AND EXISTS (
        SELECT FROM approvals_approval a WHERE a.submission_id = whole.id AND a.stage = 2
        AND (a.state NOT IN ('waiting', 'open') OR EXISTS (SELECT FROM counted_decisions(a.id, a.round)))) THEN
        RAISE EXCEPTION 'A4: stage-2 decisions rely on decision %', taken.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT stands_in_for(NEW.person_id, NEW.for_person_id, NEW.at) THEN
        RAISE EXCEPTION 'A11: a decision for person % needs a delegation and the same duty (decision %)',
            NEW.for_person_id, taken.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER retraction_duties BEFORE INSERT ON approvals_retraction
    FOR EACH ROW EXECUTE FUNCTION retraction_duties();

-- A14, S1, S2: a decision carries over to an approval that asks the same in a later submission, unless a duty stands against its people.
-- The database must enforce it, because a carried decision fills a seat as a new one does.
CREATE OR REPLACE FUNCTION carried_duties() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked approvals_approval%ROWTYPE;
    whole approvals_submission%ROWTYPE;
    was approvals_approval%ROWTYPE;
    taken approvals_decision%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
    SELECT * INTO whole FROM approvals_submission WHERE id = asked.submission_id;
    SELECT * INTO taken FROM approvals_decision WHERE id = NEW.decision_id;
    SELECT * INTO was FROM approvals_approval WHERE id = taken.approval_id;
    IF asked.state <> 'waiting' OR asked.round <> NEW.round OR taken.outcome = 'ask'
        OR EXISTS (SELECT FROM approvals_retraction r WHERE r.decision_id = taken.id)
        OR NOT EXISTS (SELECT FROM approvals_submission w WHERE w.id = was.submission_id
                       AND w.automation_id = whole.automation_id AND w.id < whole.id)
        OR NOT EXISTS (SELECT FROM approvals_seat mine JOIN approvals_seat its ON its.label = mine.label
                       WHERE mine.approval_id = asked.id AND its.id = taken.seat_id)
        OR NOT asks_the_same(asked, was) THEN
        RAISE EXCEPTION 'A14: decision % does not carry over to approval %', taken.id, asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF is_party(whole.id, taken.person_id, taken.for_person_id) THEN
        RAISE EXCEPTION 'SOD-1: the decision of a party does not carry over to submission %', whole.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF asked.stage = 2 AND decided_app(whole.app_approval_id, taken.person_id, taken.for_person_id) THEN
        RAISE EXCEPTION 'SOD-2: stage 1 and stage 2 are decided by different people (approval %)', asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER carried_duties BEFORE INSERT ON approvals_carrieddecision
    FOR EACH ROW EXECUTE FUNCTION carried_duties();

-- S2: a carried decision uses up the same people in the new submission (see `decision_people`).
-- The database must enforce it, because constraints compare these rows, and a missing row would let one person decide both stages.
CREATE OR REPLACE FUNCTION carried_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO approvals_decisionperson (decision_id, submission_id, stage, outcome, person_id)
        SELECT taken.id, asked.submission_id, asked.stage, taken.outcome, used.person
        FROM approvals_approval asked, approvals_decision taken,
            LATERAL unnest(ARRAY[taken.person_id, taken.for_person_id]) used(person)
        WHERE asked.id = NEW.approval_id AND taken.id = NEW.decision_id AND used.person IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER carried_people AFTER INSERT ON approvals_carrieddecision
    FOR EACH ROW EXECUTE FUNCTION carried_people();

-- S1: a person who decided in a submission does not become a party to it.
-- The database must enforce it, because a party could be written after the decision.
CREATE OR REPLACE FUNCTION party_decided_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM approvals_decisionperson d
               WHERE d.submission_id = NEW.submission_id AND d.person_id = NEW.person_id)
        AND NOT is_party(NEW.submission_id, NEW.person_id, NULL) THEN
        RAISE EXCEPTION 'SOD-1: an approver of submission % cannot become a party of it', NEW.submission_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER party_decided_nothing BEFORE INSERT ON approvals_party
    FOR EACH ROW EXECUTE FUNCTION party_decided_nothing();
