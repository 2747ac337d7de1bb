-- I8: confirmations of a submission's connections by people outside the submission.

-- The owner of a resource, its deputy and its interim owner.
CREATE OR REPLACE FUNCTION owners_of(resource inventory_resource) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY[resource.owner_id, resource.deputy_id,
                 (SELECT i.person_id FROM inventory_interimowner i WHERE i.id = resource.interim_id)];
END
$$;

-- I8: whether a connection of a resource rests on the word of parties of a submission (`Binding.is_word_of`).
CREATE OR REPLACE FUNCTION rests_on_parties(binding inventory_binding, resource inventory_resource, submission bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    owners bigint[] = owners_of(resource);
BEGIN
    IF binding.confirmed_at IS NOT NULL THEN
        RETURN is_party(submission, binding.confirmed_by_id, binding.confirmed_for_id)
            OR is_party(submission, binding.moved_by_id, binding.moved_for_id);
    END IF;
    RETURN EXISTS (SELECT FROM approvals_party p WHERE p.submission_id = submission AND p.person_id = ANY (owners))
        AND (binding.proposed_by_id = ANY (owners) AND NOT is_party(submission, binding.proposed_by_id, NULL)) IS NOT TRUE;
END
$$;

-- I8: whether the host of a connection was known before for another owner's resource, and only parties and the new side consented.
CREATE OR REPLACE FUNCTION host_is_claimed(binding inventory_binding, resource inventory_resource, submission bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    owners bigint[] = owners_of(resource);
BEGIN
    RETURN binding.host <> '' AND EXISTS (
        SELECT FROM inventory_binding o JOIN inventory_resource other ON other.id = o.resource_id
        WHERE o.host = binding.host AND o.id <> binding.id AND o.confirmed_at IS NOT NULL
          AND o.resource_id <> resource.id AND other.state <> 'retired'
          AND (other.owner_id IS NULL OR other.owner_id IS DISTINCT FROM resource.owner_id)
          AND (binding.known_since IS NULL OR (o.known_since, o.id) < (binding.known_since, binding.id))
          AND NOT EXISTS (
            SELECT FROM inventory_hostconsent c
            WHERE c.binding_id = binding.id AND c.resource_id = other.id AND c.opens_id = resource.id
              AND (c.said_by_id = ANY (owners) OR c.said_for_id = ANY (owners)) IS NOT TRUE
              AND NOT is_party(submission, c.said_by_id, c.said_for_id)));
END
$$;

-- I8: a connection that only parties confirmed, or that the owner of its host did not consent to, is approved as high risk or not at all.
-- The database must enforce it, because a party could otherwise choose who approves (S1).
CREATE OR REPLACE FUNCTION decision_on_what_others_confirmed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked approvals_approval%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM approvals_approval WHERE id = NEW.approval_id;
    IF asked.stage = 2 AND asked.tier <> 'high' AND EXISTS (
        SELECT FROM approvals_submission s
        JOIN inventory_privilege p ON p.version_id = s.version_id
            AND (p.id = asked.privilege_id OR p.credential_id = asked.credential_id)
        JOIN inventory_entitlement e ON e.id = p.entitlement_id
        JOIN inventory_resource r ON r.id = e.resource_id
        JOIN inventory_binding b ON b.connector = p.connector AND b.instance_name = p.instance AND b.resource_id = r.id
        WHERE s.id = asked.submission_id AND (asked.privilege_id IS NOT NULL OR asked.decided_on_id = r.id)
        AND (rests_on_parties(b, r, s.id) OR host_is_claimed(b, r, s.id))) THEN
        RAISE EXCEPTION 'I8: a party confirmed what the connection opens, or its host is another owner''s (approval %)', asked.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER decision_on_what_others_confirmed BEFORE INSERT ON approvals_decision
    FOR EACH ROW WHEN (NEW.outcome = 'approve') EXECUTE FUNCTION decision_on_what_others_confirmed();
