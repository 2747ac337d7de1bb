"""What the database refuses by itself about proposals and what comes of them: two people, in order, and no other way (S8).

Raw SQL, another program, a mistake in a duty: none gets past these. They repeat the duties on purpose, from the rows alone.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Func


class _Apart(Func):
    """Neither the author nor whoever answers is among those who gain."""

    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **extra):  # type: ignore[no-untyped-def, override]  # Django's own is untyped
        apart = '("proposed_by_id" <> ALL("gains") AND ("answered_by_id" IS NULL OR "answered_by_id" <> ALL("gains")))'
        return apart, ()


class _NotLosing(Func):
    """Whoever answers is not among those who lose."""

    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **extra):  # type: ignore[no-untyped-def, override]  # Django's own is untyped
        return '("answered_by_id" IS NULL OR "answered_by_id" <> ALL("loses"))', ()


WHO_GAINS_IS_APART = _Apart(F("proposed_by"), F("answered_by"), F("gains"))
WHO_LOSES_IS_APART = _NotLosing(F("answered_by"), F("loses"))

#: What one person tightens alone stands no longer than that without a second signature, whatever a policy says.
AT_ONCE_HOURS = 72

#: State to states that may follow.
MOVES = """(OLD.state = 'open' AND NEW.state IN ('open', 'approved', 'in_force', 'rejected', 'withdrawn', 'lapsed')
            OR OLD.state = 'at_once' AND NEW.state IN ('at_once', 'in_force', 'rejected', 'lapsed')
            OR OLD.state = 'approved' AND NEW.state IN ('approved', 'in_force', 'rejected', 'withdrawn', 'lapsed'))"""

IN_ORDER = pgtrigger.Trigger(
    name="in_order",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    func=f"""
        IF NEW.appointed_id IS NOT NULL AND NEW.appointed_id <> ALL(NEW.gains) THEN
            RAISE EXCEPTION 'S8: whoever is appointed gains (proposal %)', NEW.id USING ERRCODE = 'check_violation';
        END IF;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state NOT IN ('open', 'at_once') OR NEW.answered_by_id IS NOT NULL OR NEW.accepted_at IS NOT NULL
                OR (NEW.state = 'at_once') <> (NEW.acting_until IS NOT NULL) THEN
                RAISE EXCEPTION 'S8: a proposal begins unanswered' USING ERRCODE = 'check_violation';
            END IF;
            IF NEW.state = 'at_once' AND (NOT NEW.tightens
                OR NEW.acting_until > NEW.proposed_at + make_interval(hours => {AT_ONCE_HOURS})) THEN
                RAISE EXCEPTION 'S8: one person tightens at once, and for {AT_ONCE_HOURS} hours' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NOT {MOVES} AND (to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD)) THEN
            RAISE EXCEPTION 'S8: proposal % is % and does not become %', OLD.id, OLD.state, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF (NEW.kind, NEW.target, NEW.proposed_by_id, NEW.proposed_at, NEW.needs) IS DISTINCT FROM
            (OLD.kind, OLD.target, OLD.proposed_by_id, OLD.proposed_at, OLD.needs)
            OR NEW.acting_until IS DISTINCT FROM OLD.acting_until
            OR OLD.answered_by_id IS NOT NULL AND (NEW.answered_by_id, NEW.answered_at, NEW.answer_id)
                IS DISTINCT FROM (OLD.answered_by_id, OLD.answered_at, OLD.answer_id) THEN
            RAISE EXCEPTION 'S8: who proposed what stays as it is (proposal %)', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF (OLD.state <> 'open' OR NEW.state <> 'open' OR NEW.round = OLD.round OR NEW.round <> OLD.round + 1)
            AND (NEW.document, NEW.before, NEW.digest, NEW.tightens, NEW.gains, NEW.loses, NEW.round)
                IS DISTINCT FROM (OLD.document, OLD.before, OLD.digest, OLD.tightens, OLD.gains, OLD.loses, OLD.round)
            OR (OLD.state <> 'open' OR NEW.state <> 'open' OR NEW.round = OLD.round)
                AND (NEW.appointed_id, NEW.reason_id) IS DISTINCT FROM (OLD.appointed_id, OLD.reason_id)
            OR NEW.state = OLD.state AND NEW.lapses_at IS DISTINCT FROM OLD.lapses_at THEN
            RAISE EXCEPTION 'A6: what somebody reads and answers stays as it is but for a new round (proposal %)', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'in_force' AND NEW.appointed_id IS NOT NULL AND NEW.accepted_at IS NULL
            OR NEW.state = 'approved' AND NEW.appointed_id IS NULL
            OR OLD.state = 'open' AND NEW.state = 'in_force' AND NEW.appointed_id IS NOT NULL THEN
            RAISE EXCEPTION 'S8: whoever is appointed accepts, after it was approved (proposal %)', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: Nothing is answered but by a second person who holds the role, and who did not stand in since for the first one, for who gains or for who loses,
#: nor these for them; and nothing is approved before what it would have changed was counted as it stands.
COUNTERSIGNED = pgtrigger.Trigger(
    name="countersigned",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF NEW.state NOT IN ('approved', 'in_force', 'rejected') OR NEW.state = OLD.state OR OLD.state = 'approved' THEN
            RETURN NEW;
        END IF;
        IF NEW.answered_by_id IS NULL OR NOT EXISTS (
            SELECT 1 FROM controls_roleassignment r JOIN controls_person p ON p.id = r.person_id
            WHERE r.person_id = NEW.answered_by_id AND r.role = NEW.needs AND r.confirmed_at <= NEW.answered_at
              AND (r.until IS NULL OR r.until > NEW.answered_at) AND p.is_active AND p.left_at IS NULL
              AND (p.kept_out_until IS NULL OR p.kept_out_until <= NEW.answered_at)) THEN
            RAISE EXCEPTION 'S8: proposal % is answered by a second person with the role of %', OLD.id, NEW.needs
                USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT 1 FROM controls_delegation d
                   WHERE (d.giver_id = NEW.answered_by_id AND d.taker_id = ANY(NEW.proposed_by_id || NEW.gains || NEW.loses)
                          OR d.taker_id = NEW.answered_by_id AND d.giver_id = ANY(NEW.proposed_by_id || NEW.gains || NEW.loses))
                     AND d.from_at <= NEW.answered_at AND d.until_at > NEW.proposed_at
                     AND (d.ended_at IS NULL OR d.ended_at > NEW.proposed_at)) THEN
            RAISE EXCEPTION 'A11: who stands in for the author, or for who gains or loses, does not answer proposal %', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state <> 'rejected' AND NOT EXISTS (SELECT 1 FROM approvals_whatif w WHERE w.proposal_id = NEW.id
                                                   AND w.round = NEW.round AND w.finished_at IS NOT NULL) THEN
            RAISE EXCEPTION 'S8: what proposal % would have changed is not counted as it stands', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: What somebody read before they decided stays as it was counted.
WHAT_IF_STAYS = pgtrigger.Trigger(
    name="what_if_stays",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
        IF OLD.finished_at IS NOT NULL OR (NEW.proposal_id, NEW.round, NEW.since, NEW.until)
            IS DISTINCT FROM (OLD.proposal_id, OLD.round, OLD.since, OLD.until) THEN
            RAISE EXCEPTION 'S8: what was counted stays as it is (what-if %)', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: A policy comes of a proposal and of nothing else: of two people's, or of one who tightens, until a day; or the one before comes back.
POLICY_BY_PROPOSAL = pgtrigger.Trigger(
    name="policy_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("said", "approvals_proposal%ROWTYPE"),
        ("was", "approvals_policyversion%ROWTYPE"),
        ("acting", "approvals_policyversion%ROWTYPE"),
    ],
    func="""
        IF NEW.number = 1 THEN
            RETURN NEW;
        END IF;
        SELECT * INTO said FROM approvals_proposal WHERE id = NEW.proposal_id;
        IF said.id IS NULL OR said.kind <> 'policy' OR said.target <> NEW.kind
            OR NEW.effective_at < said.proposed_at
            OR NEW.number <> (SELECT max(v.number) + 1 FROM approvals_policyversion v WHERE v.kind = NEW.kind) THEN
            RAISE EXCEPTION 'S8: policy % comes of no proposal', NEW.number USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.restores_id IS NOT NULL THEN
            SELECT * INTO was FROM approvals_policyversion WHERE id = NEW.restores_id;
            SELECT * INTO acting FROM approvals_policyversion
                WHERE proposal_id = said.id AND until IS NOT NULL ORDER BY number LIMIT 1;
            IF said.state NOT IN ('lapsed', 'rejected') OR acting.id IS NULL OR was.number >= acting.number
                OR was.until IS NOT NULL OR was.kind <> NEW.kind OR was.document <> NEW.document
                OR (NEW.until, NEW.proposed_by_id, NEW.approved_by_id) IS DISTINCT FROM (NULL, NULL, NULL)
                OR EXISTS (SELECT 1 FROM approvals_policyversion v WHERE v.kind = NEW.kind AND v.until IS NULL
                           AND v.number > was.number) THEN
                RAISE EXCEPTION 'S8: policy % brings back nothing', NEW.number USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.document <> said.document OR NEW.proposed_by_id IS DISTINCT FROM said.proposed_by_id
            OR (NEW.until IS NULL AND NOT (said.state = 'in_force' AND NEW.approved_by_id = said.answered_by_id))
            OR (NEW.until IS NOT NULL AND NOT (said.state = 'at_once' AND said.tightens
                AND NEW.approved_by_id IS NULL AND NEW.until = said.acting_until)) THEN
            RAISE EXCEPTION 'S8: policy % is not what two people signed', NEW.number USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: A rule that two people signed says what they signed, of it alone or in a file, and nothing that they signed before counts again.
RULE_BY_PROPOSAL = pgtrigger.Trigger(
    name="rule_by_proposal",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Q(new__ships=False, new__until__isnull=True, new__undoes__isnull=True),
    func="""
        IF NEW.number <> (SELECT COALESCE(max(r.number), 0) + 1 FROM approvals_conflictrule r WHERE r.code = NEW.code)
            OR EXISTS (SELECT 1 FROM approvals_conflictrule r WHERE r.code = NEW.code AND r.effective_at > NEW.effective_at)
            OR (NEW.document ->> 'mode', NEW.document ->> 'scope', NEW.document ->> 'rating')
                IS DISTINCT FROM (NEW.mode::text, NEW.scope::text, NEW.rating::text)
            OR NOT EXISTS (
                SELECT 1 FROM approvals_proposal p
                WHERE p.state = 'in_force' AND p.ended_at = NEW.effective_at
                  AND p.proposed_by_id = NEW.proposed_by_id AND p.answered_by_id = NEW.approved_by_id
                  AND (p.kind = 'conflict_rule' AND p.target = NEW.code
                       AND CASE WHEN NEW.is_given_up THEN NOT p.document ? 'rule' ELSE p.document -> 'rule' = NEW.document END
                       OR p.kind = 'conflict_import' AND NOT NEW.is_given_up
                       AND p.document -> 'rules' -> NEW.code = NEW.document)) THEN
            RAISE EXCEPTION 'S8: rule % is not what two people signed', NEW.code USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: A rule that one person tightened alone has an end, and what takes it back says what two people had signed before, or nothing.
RULE_AT_ONCE = pgtrigger.Trigger(
    name="rule_at_once",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("was", "approvals_conflictrule%ROWTYPE"), ("acting", "approvals_conflictrule%ROWTYPE")],
    func="""
        IF NEW.until IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM approvals_proposal p
            WHERE p.kind = 'conflict_rule' AND p.target = NEW.code AND p.state = 'at_once' AND p.tightens
              AND p.acting_until = NEW.until AND p.proposed_by_id = NEW.proposed_by_id
              AND p.document -> 'rule' = NEW.document AND NOT NEW.is_given_up) THEN
            RAISE EXCEPTION 'S8: rule % is not what one person tightened', NEW.code USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.undoes_id IS NOT NULL THEN
            SELECT * INTO acting FROM approvals_conflictrule WHERE id = NEW.undoes_id;
            SELECT * INTO was FROM approvals_conflictrule
                WHERE code = NEW.code AND until IS NULL ORDER BY number DESC LIMIT 1;
            IF acting.code <> NEW.code OR acting.until IS NULL OR was.number > acting.number
                OR was.id IS NULL AND NOT NEW.is_given_up
                OR was.id IS NOT NULL AND (was.document, was.is_given_up) IS DISTINCT FROM (NEW.document, NEW.is_given_up)
                OR NOT EXISTS (
                    SELECT 1 FROM approvals_proposal p
                    WHERE p.kind = 'conflict_rule' AND p.target = NEW.code AND p.state IN ('lapsed', 'rejected')
                      AND p.acting_until = acting.until) THEN
                RAISE EXCEPTION 'S8: rule % brings back nothing', NEW.code USING ERRCODE = 'check_violation';
            END IF;
        END IF;
        RETURN NEW;
    """,
)
