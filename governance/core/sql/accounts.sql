-- P1, S1: a linked account belongs to one person for good, and an ended link stays ended.
-- The database must enforce it, because a moved account would let one person act as another.
CREATE OR REPLACE FUNCTION account_stays_linked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.person_id, NEW.source, NEW.linked_at) IS DISTINCT FROM (OLD.person_id, OLD.source, OLD.linked_at)
        OR (NEW.subject <> OLD.subject AND NEW.subject NOT LIKE 'erased:%')
        OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
        RAISE EXCEPTION 'P1: a linked account stays with its person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER account_stays_linked BEFORE UPDATE ON controls_linkedaccount
    FOR EACH ROW EXECUTE FUNCTION account_stays_linked();

-- S8: a person who left comes back without roles.
-- The database must enforce it, because one UPDATE could give a leaver's rights to somebody.
CREATE OR REPLACE FUNCTION returns_without_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM controls_roleassignment r WHERE r.person_id = NEW.id AND r.until IS NULL) THEN
        RAISE EXCEPTION 'S8: a person who left comes back without roles' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER returns_without_roles BEFORE UPDATE ON controls_person
    FOR EACH ROW WHEN (OLD.left_at IS NOT NULL AND NEW.left_at IS NULL) EXECUTE FUNCTION returns_without_roles();

-- S1: an account that was linked to a person is never linked to another, also after the link has ended.
CREATE OR REPLACE FUNCTION account_of_one_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM controls_linkedaccount l
               WHERE l.source = NEW.source AND l.subject = NEW.subject AND l.person_id <> NEW.person_id) THEN
        RAISE EXCEPTION 'S1: this account was linked to another person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER account_of_one_person BEFORE INSERT ON controls_linkedaccount
    FOR EACH ROW EXECUTE FUNCTION account_of_one_person();

CALL keep_append_only('controls_historicallinkedaccount');
CALL keep_forever('controls_linkedaccount');
