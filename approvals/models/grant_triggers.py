"""What the database refuses by itself about grants: they rest on two approvals, say what these say, and never grow (G1, G2, G3)."""

from __future__ import annotations

import pgtrigger

#: Levels as they rise; unknown counts as write (I4).
_LEVELS = "ARRAY['read', 'write', 'execute', 'admin']"
_POWER = f"array_position({_LEVELS}, replace({{level}}, 'unknown', 'write')::text)"


def _more_than(level: str, other: str) -> str:
    """SQL: whether one level allows something that another does not: see `inventory.risk.tiers.is_within` (A7)."""
    less, more = (f"replace({one}, 'unknown', 'write')" for one in (level, other))
    return f"NOT ({less} = {more} OR {more} = 'admin' OR {less} = 'read' AND {more} = 'write')"


#: What a privilege was asked as: the higher of its own level and its entitlement's (`Privilege.counted_level`).
_COUNTED_LEVEL = f"({_LEVELS})[GREATEST({_POWER.format(level='held.level')}, {_POWER.format(level='known.level')})]"

#: How far a grant's tier has risen since it was approved (T4).
_RISEN = "array_position(ARRAY['', 'standard', 'high'], {row}.raised_to::text)"

#: Whether a decision was not taken back.
_STANDS = "NOT EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = d.id)"

#: The decisions that approved the record ``own``, in the round that did: taken on it, or carried over to it (A7, A14; `guards.COUNTED`, read by
#: key in each of two ways: as one it is a search of all decisions for each grant of many). What they narrowed
#: is read from them, which nobody changes, and not from the record alone. A record that policy approved has none.
_APPROVING = f"""(SELECT d.term_days, d.level, d.scope FROM approvals_decision d
              WHERE d.approval_id = own.id AND d.round = own.round AND d.outcome = 'approve' AND {_STANDS}
              UNION ALL SELECT d.term_days, d.level, d.scope FROM approvals_carrieddecision c
              JOIN approvals_decision d ON d.id = c.decision_id
              WHERE c.approval_id = own.id AND c.round = own.round AND d.outcome = 'approve' AND {_STANDS}) taken"""  # noqa: S608

RESTS_ON_APPROVALS = pgtrigger.Trigger(
    name="grant_rests_on_approvals",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert
    | pgtrigger.UpdateOf("app_approval_id", "approval_id", "begins_at", "ends_at", "predecessor_id"),  # type: ignore[no-untyped-call]
    declare=[
        ("app", "approvals_approval%ROWTYPE"),
        ("own", "approvals_approval%ROWTYPE"),
        ("whole", "approvals_submission%ROWTYPE"),
        ("app_of", "approvals_submission%ROWTYPE"),
    ],
    func=f"""
        SELECT * INTO app FROM approvals_approval WHERE id = NEW.app_approval_id;
        SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO whole FROM approvals_submission WHERE id = own.submission_id;
        SELECT * INTO app_of FROM approvals_submission WHERE id = app.submission_id;
        IF app.kind <> 'app' OR app.state <> 'approved' THEN
            RAISE EXCEPTION 'G1: a grant needs an approved app (approval % is %)', app.id, app.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF own.stage <> 2 OR own.state <> 'approved' THEN
            RAISE EXCEPTION 'G1: a grant needs its own approved approval (approval % is %)', own.id, own.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF own.by_policy_id IS NOT NULL AND ((own.tier, NEW.tier) IS DISTINCT FROM ('low'::varchar, 'low'::varchar)
            OR own.by_policy_id <> whole.policy_id) THEN
            RAISE EXCEPTION 'A13: policy approves what is low, by the version that its submission names (approval %)', own.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF whole.automation_id <> NEW.automation_id OR app_of.automation_id <> NEW.automation_id
            OR whole.app_approval_id IS DISTINCT FROM NEW.app_approval_id THEN
            RAISE EXCEPTION 'G1: approvals % and % are no pair of automation %', app.id, own.id, NEW.automation_id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.ends_at > NEW.begins_at + make_interval(days => LEAST(
            own.term_days, own.granted_term_days, (SELECT min(taken.term_days) FROM {_APPROVING}))) THEN
            RAISE EXCEPTION 'G1: a grant is never longer than its approval (approval %)', own.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF TG_OP = 'INSERT' AND (whole.state <> 'in_force'
            OR NEW.predecessor_id IS NULL AND NEW.begins_at IS DISTINCT FROM whole.ended_at) THEN
            RAISE EXCEPTION 'G1: a grant begins when its submission is put in force (submission % is %)', whole.id, whole.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

#: A successor is held against its predecessor alone: that said what was approved when it was written, and never changes what it allows.
SAYS_WHAT_WAS_APPROVED = pgtrigger.Trigger(
    name="grant_says_what_was_approved",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("own", "approvals_approval%ROWTYPE"),
        ("held", "inventory_privilege%ROWTYPE"),
        ("known", "inventory_entitlement%ROWTYPE"),
        ("old", "approvals_grant%ROWTYPE"),
    ],
    func=f"""
        IF NEW.predecessor_id IS NOT NULL THEN
            SELECT * INTO old FROM approvals_grant WHERE id = NEW.predecessor_id;
            IF (old.approval_id, old.app_approval_id) IS DISTINCT FROM (NEW.approval_id, NEW.app_approval_id)
                OR (old.kind, old.tier, old.key, old.target, old.held_as) IS DISTINCT FROM
                    (NEW.kind, NEW.tier, NEW.key, NEW.target, NEW.held_as)
                OR old.entitlement_id IS DISTINCT FROM NEW.entitlement_id OR old.credential_id IS DISTINCT FROM NEW.credential_id
                OR {_more_than("NEW.level", "old.level")}
                OR NOT NEW.scope <@ old.scope OR {_RISEN.format(row="NEW")} < {_RISEN.format(row="old")} THEN
                RAISE EXCEPTION 'G2: a successor is never wider than grant %', old.id USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.begins_at >= old.ends_at OR NEW.begins_at > old.ended_at THEN
                RAISE EXCEPTION 'G3: the term of grant % was over', old.id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;
        SELECT * INTO held FROM inventory_privilege WHERE id = own.privilege_id;
        SELECT * INTO known FROM inventory_entitlement WHERE id = held.entitlement_id;
        IF own.kind <> NEW.kind OR own.tier <> NEW.tier
            OR own.kind = 'privilege' AND (
                (held.entitlement_id, held.key, held.target) IS DISTINCT FROM (NEW.entitlement_id, NEW.key, NEW.target)
                OR held.credential_id IS DISTINCT FROM NEW.credential_id
                OR NOT NEW.scope <@ held.scope OR NOT NEW.scope <@ COALESCE(own.granted_scope, held.scope)
                OR EXISTS (SELECT 1 FROM {_APPROVING} WHERE NOT NEW.scope <@ taken.scope))
            OR own.kind = 'credential' AND own.credential_id IS DISTINCT FROM NEW.credential_id THEN
            RAISE EXCEPTION 'G1: a grant says what was approved (approval %)', own.id USING ERRCODE = 'check_violation';
        END IF;
        IF own.kind = 'privilege' AND (own.granted_level <> '' AND {_more_than("NEW.level", "own.granted_level")}
            OR EXISTS (SELECT 1 FROM {_APPROVING} WHERE taken.level <> '' AND {_more_than("NEW.level", "taken.level")})) THEN
            RAISE EXCEPTION 'G1: a grant is never more than what was approved (approval %)', own.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF own.kind = 'privilege' AND {_more_than("NEW.level", _COUNTED_LEVEL)} THEN
            RAISE EXCEPTION 'G1: a grant is never more than what was asked (approval %)', own.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,  # noqa: S608  put together from pieces of its own
)

NEVER_GROWS = pgtrigger.Trigger(
    name="grant_never_grows",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF (OLD.automation_id, OLD.kind, OLD.key, OLD.target, OLD.scope, OLD.level, OLD.held_as, OLD.tier,
            OLD.app_approval_id, OLD.approval_id, OLD.begins_at) IS DISTINCT FROM
            (NEW.automation_id, NEW.kind, NEW.key, NEW.target, NEW.scope, NEW.level, NEW.held_as, NEW.tier,
            NEW.app_approval_id, NEW.approval_id, NEW.begins_at)
            OR OLD.entitlement_id IS DISTINCT FROM NEW.entitlement_id
            OR OLD.credential_id IS DISTINCT FROM NEW.credential_id
            OR OLD.predecessor_id IS DISTINCT FROM NEW.predecessor_id OR NEW.ends_at > OLD.ends_at THEN
            RAISE EXCEPTION 'G1: grant % never changes what it allows, and never grows', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF array_position(ARRAY['', 'standard', 'high'], NEW.raised_to::text)
            < array_position(ARRAY['', 'standard', 'high'], OLD.raised_to::text) THEN
            RAISE EXCEPTION 'T4: the risk of grant % falls at its renewal and not before', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.state = 'ended' AND NEW.state <> 'ended' THEN
            RAISE EXCEPTION 'G3: grant % has ended', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: Asked at the end of the transaction, for a renewal ends the old grant before the new one is there. A credential that no privilege of the
#: version in force asks for, as one of a trigger alone, has none to end with.
CREDENTIAL_IS_NEEDED = pgtrigger.Trigger(
    name="grant_credential_is_needed",
    when=pgtrigger.After,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),  # type: ignore[no-untyped-call]
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Q(new__credential__isnull=False),
    func="""
        IF TG_OP = 'UPDATE' AND NOT (NEW.kind = 'privilege' AND NEW.state = 'ended') THEN
            RETURN NULL;
        END IF;
        IF EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = NEW.automation_id AND g.credential_id = NEW.credential_id
                   AND g.kind = 'credential' AND g.state <> 'ended')
            AND NOT EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = NEW.automation_id
                            AND g.credential_id = NEW.credential_id AND g.kind = 'privilege' AND g.state <> 'ended')
            AND EXISTS (SELECT 1 FROM inventory_privilege p JOIN inventory_automation a ON a.approved_version_id = p.version_id
                        WHERE a.id = NEW.automation_id AND p.credential_id = NEW.credential_id) THEN
            RAISE EXCEPTION 'A2: no privilege that uses credential % is granted to automation %', NEW.credential_id, NEW.automation_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    """,
)
