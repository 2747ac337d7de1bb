-- Rules about resources: their data class, their connections (bindings), controls and incidents.

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
        RAISE EXCEPTION 'I8: only who answers for a resource confirms what opens it (binding %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER binding_confirmed_by_its_owner BEFORE INSERT OR UPDATE ON inventory_binding
    FOR EACH ROW EXECUTE FUNCTION binding_confirmed_by_its_owner();

-- I8: a confirmed connection stays on record with the day since which its host is known.
-- Beyond the list of models.md: whose a host is depends on who confirmed it first.
CREATE OR REPLACE FUNCTION binding_confirmed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.confirmed_at IS NOT NULL AND (
        TG_OP = 'DELETE' OR NEW.connector <> OLD.connector OR NEW.instance_name <> OLD.instance_name) THEN
        RAISE EXCEPTION 'I8: what a connection is confirmed to open stays on record (binding %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF OLD.confirmed_at IS NOT NULL AND NEW.resource_id = OLD.resource_id
        AND NEW.known_since IS DISTINCT FROM OLD.known_since THEN
        RAISE EXCEPTION 'I8: since when a host is known stays on record (binding %)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER binding_confirmed_stays BEFORE UPDATE OR DELETE ON inventory_binding
    FOR EACH ROW EXECUTE FUNCTION binding_confirmed_stays();

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
        RAISE EXCEPTION 'I8: only who answers for a resource shares its host (resource %)', NEW.resource_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER host_consent_by_its_side BEFORE INSERT ON inventory_hostconsent
    FOR EACH ROW EXECUTE FUNCTION host_consent_by_its_side();

-- S6: a control stays as declared, and an ended one stays ended.
-- Beyond the list of models.md: a control lifts a conflict, so it is evidence for a decision.
CREATE OR REPLACE FUNCTION control_stays_as_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR ROW(NEW.entitlement_id, NEW.tag, NEW.said_by_id, NEW.said_for_id, NEW.said_at, NEW.reason_id)
        IS DISTINCT FROM ROW(OLD.entitlement_id, OLD.tag, OLD.said_by_id, OLD.said_for_id, OLD.said_at, OLD.reason_id) THEN
        RAISE EXCEPTION 'S6: what was said of a control stays on record (%)', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER control_stays_as_said BEFORE UPDATE ON inventory_control
    FOR EACH ROW EXECUTE FUNCTION control_stays_as_said();

-- R1: an incident stays as declared, and an ended one stays ended.
-- Beyond the list of models.md: an incident is the reason for a recertification, so it is evidence.
CREATE OR REPLACE FUNCTION incident_stays_as_declared() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
        OR ROW(NEW.resource_id, NEW.declared_by_id, NEW.declared_for_id, NEW.declared_at, NEW.until, NEW.why_id)
        IS DISTINCT FROM
        ROW(OLD.resource_id, OLD.declared_by_id, OLD.declared_for_id, OLD.declared_at, OLD.until, OLD.why_id) THEN
        RAISE EXCEPTION 'R1: what was declared as an incident stays on record (%)', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER incident_stays_as_declared BEFORE UPDATE ON inventory_incident
    FOR EACH ROW EXECUTE FUNCTION incident_stays_as_declared();
