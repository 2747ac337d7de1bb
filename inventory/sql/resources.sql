-- Rules about resources: their data class and their connections (bindings).

-- I3: a resource is put to use with a data class. One that had none while in use may keep none.
-- Beyond the list of models.md: without a data class the tier of every privilege on it would be wrong (T1).
CREATE OR REPLACE FUNCTION resource_in_use_has_a_class() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'active' AND OLD.data_class = '' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'I3: a resource is put to use with a data class (resource %)', NEW.id
        USING ERRCODE = 'check_violation';
END
$$;
CREATE OR REPLACE TRIGGER resource_in_use_has_a_class BEFORE INSERT OR UPDATE ON inventory_resource
    FOR EACH ROW WHEN (NEW.state = 'active' AND NEW.data_class = '') EXECUTE FUNCTION resource_in_use_has_a_class();

-- I8: the owner of a resource, or the owner's delegate, confirms which connection opens it.
-- Beyond the list of models.md: a connection decides whose privilege an imported one is.
CREATE OR REPLACE FUNCTION binding_confirmed_by_its_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.confirmed_at IS NOT NULL AND (
        TG_OP = 'INSERT' OR OLD.confirmed_at IS NULL
        OR NEW.resource_id = OLD.resource_id AND (NEW.confirmed_by_id, NEW.moved_by_id, NEW.moved_for_id)
            IS DISTINCT FROM (OLD.confirmed_by_id, OLD.moved_by_id, OLD.moved_for_id)
    ) AND NOT answers_for(NEW.confirmed_by_id, NEW.resource_id, NEW.confirmed_at) THEN
        RAISE EXCEPTION 'I8: only an owner of a resource confirms its bindings (binding %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER binding_confirmed_by_its_owner BEFORE INSERT OR UPDATE ON inventory_binding
    FOR EACH ROW EXECUTE FUNCTION binding_confirmed_by_its_owner();

-- I8: a confirmed connection moves to another resource by two people.
-- Beyond the list of models.md: the new owner would decide about privileges that the old owner was asked for.
CREATE OR REPLACE FUNCTION binding_moved_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.confirmed_at IS NOT NULL AND (
        NEW.confirmed_at IS NULL
        OR NEW.resource_id <> OLD.resource_id AND (
            OLD.moving_to_id IS DISTINCT FROM NEW.resource_id
            OR (NEW.moved_by_id, NEW.moved_for_id) IS DISTINCT FROM (OLD.moving_by_id, OLD.moving_for_id)
            OR NEW.confirmed_by_id IS NOT DISTINCT FROM OLD.moving_by_id
            OR NEW.confirmed_by_id IS NOT DISTINCT FROM OLD.moving_for_id)) THEN
        RAISE EXCEPTION 'I8: a confirmed binding is moved by two people (binding %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER binding_moved_by_two BEFORE UPDATE ON inventory_binding
    FOR EACH ROW EXECUTE FUNCTION binding_moved_by_two();

-- I8: the owner of a resource, or the owner's delegate, consents that another resource shares its host.
-- Beyond the list of models.md: `decision_on_what_others_confirmed` trusts these rows.
CREATE OR REPLACE FUNCTION host_consent_by_its_side() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT answers_for(NEW.said_by_id, NEW.resource_id, NEW.said_at) THEN
        RAISE EXCEPTION 'I8: only an owner of a resource shares its host (resource %)', NEW.resource_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER host_consent_by_its_side BEFORE INSERT ON inventory_hostconsent
    FOR EACH ROW EXECUTE FUNCTION host_consent_by_its_side();
