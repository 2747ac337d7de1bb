-- Rules about answers of a recertification.

-- SOD-4: the owner and the requesters of an automation do not answer that its access is acceptable. Two people answer the two questions of
-- an item.
-- The database must enforce it, because a grant stays in force on the word of these rows. The operation locks the item, so that two
-- requests in the same instant come one after the other.
CREATE OR REPLACE FUNCTION answer_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mine recertification_question%ROWTYPE;
BEGIN
    IF NEW.answer NOT IN ('keep', 'revoke') THEN
        RETURN NEW;
    END IF;
    SELECT * INTO mine FROM recertification_question WHERE id = NEW.question_id;
    IF mine.asks = 'acceptable' AND EXISTS (
        SELECT FROM recertification_item i
        JOIN approvals_grant g ON g.id = i.grant_id
        JOIN inventory_automation a ON a.id = g.automation_id
        WHERE i.id = mine.item_id
          AND (a.business_owner_id IN (NEW.person_id, NEW.for_person_id)
            OR a.technical_owner_id IN (NEW.person_id, NEW.for_person_id)
            OR EXISTS (SELECT FROM inventory_interimowner interim
                       WHERE interim.id = a.interim_id AND interim.person_id IN (NEW.person_id, NEW.for_person_id))
            OR EXISTS (SELECT FROM approvals_approval rests
                       WHERE rests.id IN (g.approval_id, g.app_approval_id)
                         AND is_party(rests.submission_id, NEW.person_id, NEW.for_person_id)))) THEN
        RAISE EXCEPTION 'SOD-4: an owner or requester of the automation cannot answer whether it is acceptable'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM recertification_question q JOIN recertification_answer a ON a.question_id = q.id
               WHERE q.item_id = mine.item_id AND q.id <> mine.id AND a.answer IN ('keep', 'revoke')
                 AND (a.person_id IN (NEW.person_id, NEW.for_person_id)
                   OR a.for_person_id IN (NEW.person_id, NEW.for_person_id))) THEN
        RAISE EXCEPTION 'SOD-4: the two questions of an item are answered by two people'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER answer_two_people BEFORE INSERT ON recertification_answer
    FOR EACH ROW EXECUTE FUNCTION answer_two_people();
