-- Rules about credentials.

-- A2: the owner of a secret store confirms that it keeps a credential, and is not the person who declared it.
-- Beyond the list of models.md: the owner of the store becomes the approver of the credential.
CREATE OR REPLACE FUNCTION credential_kept_where_confirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.kept_in_id IS NOT NULL THEN
            RAISE EXCEPTION 'A2: the store of a credential is declared first and then confirmed (credential %)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.kept_in_id IS NOT DISTINCT FROM OLD.kept_in_id
        AND NEW.kept_confirmed_by_id IS NOT DISTINCT FROM OLD.kept_confirmed_by_id THEN
        RETURN NEW;
    END IF;
    IF NEW.kept_in_id IS NULL OR NEW.kept_in_id IS DISTINCT FROM OLD.said_kept_in_id
        OR NEW.kept_confirmed_by_id IS NOT DISTINCT FROM OLD.said_by_id
        OR NEW.kept_confirmed_by_id IS NOT DISTINCT FROM OLD.said_for_id
        OR NOT EXISTS (SELECT FROM inventory_resource s WHERE s.id = NEW.kept_in_id AND s.kind = 'secret_store')
        OR NOT answers_for(NEW.kept_confirmed_by_id, NEW.kept_in_id, NEW.kept_confirmed_at) THEN
        RAISE EXCEPTION 'A2: only an owner of the store who did not declare it confirms the store (credential %)', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER credential_kept_where_confirmed BEFORE INSERT OR UPDATE ON inventory_credential
    FOR EACH ROW EXECUTE FUNCTION credential_kept_where_confirmed();

-- I6: the owner of a resource that a credential opens, or of its store, narrows its reach.
-- Beyond the list of models.md: a declared reach lowers the tier of the credential (T1).
CREATE OR REPLACE FUNCTION credential_reach_said_by_its_side() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.reach_kind <> 'declared' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.reach_kind = 'declared' AND NEW.opens_id IS NOT DISTINCT FROM OLD.opens_id AND NEW.reach @> OLD.reach THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NOT (answers_for(NEW.reach_by_id, NEW.opens_id, NEW.reach_at)
            OR answers_for(NEW.reach_by_id, NEW.kept_in_id, NEW.reach_at)) THEN
        RAISE EXCEPTION 'I6: only an owner of a resource that a credential opens, or of its store, narrows its reach (credential %)',
            NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER credential_reach_said_by_its_side BEFORE INSERT OR UPDATE ON inventory_credential
    FOR EACH ROW EXECUTE FUNCTION credential_reach_said_by_its_side();
