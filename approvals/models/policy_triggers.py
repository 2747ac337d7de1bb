"""What the database refuses by itself about approving by policy: the light path and nothing else (A13). The rest stands in `approval_triggers`."""

from __future__ import annotations

import pgtrigger

#: Whom policy approves something for, one transaction at a time: the light path counts under this lock, and so does `BY_POLICY_NARROWLY`.
LIGHT_PATH_LOCK = "pg_advisory_xact_lock(hashtextextended('approvals.light_path:' || {builder}, 0))"

#: The light path and nothing else: policy approves what waits, is low and as it was asked, in a submission that was on it from the start,
#: whose app somebody approved for it just now and to which nobody objected, on connections that their owners have confirmed, and no more
#: than the policy that the submission was made under gives a builder (A13). What is not low is left to the check.
BY_POLICY_NARROWLY = pgtrigger.Trigger(
    name="by_policy_narrowly",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state", "by_policy_id"),  # type: ignore[no-untyped-call]
    declare=[
        ("whole", "approvals_submission%ROWTYPE"),
        ("app", "approvals_approval%ROWTYPE"),
        ("said", "jsonb"),
        ("who", "bigint"),
    ],
    func=f"""
        IF NEW.by_policy_id IS NULL OR NEW.tier <> 'low' OR NEW.stage <> 2 THEN
            RETURN NEW;
        END IF;
        IF TG_OP = 'INSERT' OR OLD.state <> 'waiting' OR NEW.state <> 'approved' OR NEW.emergency
            OR NEW.round <> 1 OR NEW.carried_from_id IS NOT NULL OR NEW.earlier_id IS NOT NULL OR cardinality(OLD.asked) > 0
            OR (NEW.granted_term_days, NEW.granted_level, NEW.granted_scope)
                IS DISTINCT FROM (NEW.term_days, ''::varchar, NULL::text[])
            OR EXISTS (SELECT 1 FROM approvals_decision d WHERE d.approval_id = NEW.id) THEN
            RAISE EXCEPTION 'A13: policy approves what waits and nobody was asked about (approval %)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        SELECT * INTO whole FROM approvals_submission WHERE id = NEW.submission_id;
        SELECT * INTO app FROM approvals_approval WHERE id = whole.app_approval_id;
        SELECT document->'light_path' INTO said FROM approvals_policyversion WHERE id = NEW.by_policy_id;
        IF NOT whole.light_path OR whole.state <> 'open' OR whole.tier <> 'low' OR NEW.by_policy_id <> whole.policy_id
            OR said IS NULL OR app.submission_id IS DISTINCT FROM whole.id OR app.state <> 'approved'
            OR NEW.ended_at IS DISTINCT FROM app.ended_at
            OR NOT EXISTS (SELECT 1 FROM approvals_decision d WHERE d.approval_id = app.id AND d.round = app.round
                           AND d.outcome = 'approve' AND d.at = app.ended_at)
            OR EXISTS (SELECT 1 FROM approvals_approval a WHERE a.submission_id = whole.id AND a.tier <> 'low')
            OR EXISTS (SELECT 1 FROM approvals_comment c WHERE c.submission_id = whole.id AND c.is_objection) THEN
            RAISE EXCEPTION 'A13: submission % is not on the light path of policy %', whole.id, NEW.by_policy_id
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM inventory_privilege p JOIN inventory_entitlement e ON e.id = p.entitlement_id
                   WHERE p.version_id = whole.version_id AND p.connector <> 'register' AND NOT EXISTS (
                       SELECT 1 FROM inventory_binding b WHERE b.connector = p.connector AND b.instance_name = p.instance
                       AND b.confirmed_at IS NOT NULL AND b.moving_to_id IS NULL AND b.resource_id = e.resource_id)) THEN
            RAISE EXCEPTION 'A13: policy approves nothing on a connection that no owner has confirmed (approval %)', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        FOR who IN SELECT p.person_id FROM approvals_party p
            WHERE p.submission_id = whole.id AND p.capacity IN ('importer', 'editor', 'submitter')
            UNION SELECT whole.submitted_by_id ORDER BY 1 LOOP
            PERFORM {LIGHT_PATH_LOCK.format(builder="who")};
            IF (SELECT count(*) FROM approvals_approval a WHERE a.by_policy_id IS NOT NULL
                AND a.ended_at > NEW.ended_at - make_interval(days => (said->>'days')::int)
                AND EXISTS (SELECT 1 FROM approvals_party p WHERE p.submission_id = a.submission_id AND p.person_id = who
                            AND p.capacity IN ('importer', 'editor', 'submitter'))) >= (said->>'grants')::int THEN
                RAISE EXCEPTION 'A13: policy has approved as much for a builder of submission % as it may', whole.id
                    USING ERRCODE = 'check_violation';
            END IF;
        END LOOP;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)
