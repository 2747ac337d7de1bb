-- I3: interim owners.

-- I3: an interim owner is named first and confirmed by another person; both people stay on record.
-- Beyond the list of models.md: an interim owner decides, confirms and accepts as the owner does.
CREATE OR REPLACE FUNCTION interim_stays_as_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'named' THEN
            RAISE EXCEPTION 'I3: an interim owner is named first and then confirmed by another person (%)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF ROW(NEW.resource_id, NEW.automation_id, NEW.identity_id, NEW.credential_id, NEW.person_id,
           NEW.named_by_id, NEW.named_for_id, NEW.named_as, NEW.named_at)
        IS DISTINCT FROM
       ROW(OLD.resource_id, OLD.automation_id, OLD.identity_id, OLD.credential_id, OLD.person_id,
           OLD.named_by_id, OLD.named_for_id, OLD.named_as, OLD.named_at)
        OR OLD.confirmed_at IS NOT NULL AND
           ROW(NEW.confirmed_by_id, NEW.confirmed_for_id, NEW.confirmed_at, NEW.until)
           IS DISTINCT FROM ROW(OLD.confirmed_by_id, OLD.confirmed_for_id, OLD.confirmed_at, OLD.until)
        OR OLD.state = 'ended' AND NEW.state <> 'ended' THEN
        RAISE EXCEPTION 'I3: an interim owner and the person who named them stay on record (%)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER interim_stays_as_named BEFORE INSERT OR UPDATE ON inventory_interimowner
    FOR EACH ROW EXECUTE FUNCTION interim_stays_as_named();

-- I3: an item points only to an interim owner that two people named and confirmed for it.
-- Beyond the list of models.md: the column makes a person an approver.
CREATE OR REPLACE FUNCTION interim_of_its_own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM inventory_interimowner i
        WHERE i.id = NEW.interim_id AND i.confirmed_at IS NOT NULL AND NEW.id = CASE TG_TABLE_NAME
            WHEN 'inventory_resource' THEN i.resource_id
            WHEN 'inventory_automation' THEN i.automation_id
            WHEN 'inventory_nonhumanidentity' THEN i.identity_id
            WHEN 'inventory_credential' THEN i.credential_id END) THEN
        RAISE EXCEPTION 'I3: an interim owner is named and confirmed by two people (% %)', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER interim_of_its_own BEFORE INSERT OR UPDATE ON inventory_resource
    FOR EACH ROW WHEN (NEW.interim_id IS NOT NULL) EXECUTE FUNCTION interim_of_its_own();
CREATE OR REPLACE TRIGGER interim_of_its_own BEFORE INSERT OR UPDATE ON inventory_automation
    FOR EACH ROW WHEN (NEW.interim_id IS NOT NULL) EXECUTE FUNCTION interim_of_its_own();
CREATE OR REPLACE TRIGGER interim_of_its_own BEFORE INSERT OR UPDATE ON inventory_nonhumanidentity
    FOR EACH ROW WHEN (NEW.interim_id IS NOT NULL) EXECUTE FUNCTION interim_of_its_own();
CREATE OR REPLACE TRIGGER interim_of_its_own BEFORE INSERT OR UPDATE ON inventory_credential
    FOR EACH ROW WHEN (NEW.interim_id IS NOT NULL) EXECUTE FUNCTION interim_of_its_own();
