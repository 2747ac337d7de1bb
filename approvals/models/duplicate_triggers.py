"""What the database refuses by itself about automations that may be the same as others (I9). The rest stands in `approval_triggers`."""

from __future__ import annotations

import pgtrigger

#: No app is approved while nobody has said whether it is the same as something that is known; what was said by a decision that was taken
#: back was not said.
ALIKE_ANSWERED = pgtrigger.Trigger(
    name="alike_answered",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),  # type: ignore[no-untyped-call]
    func="""
        IF NEW.stage = 1 AND NEW.state = 'approved' AND EXISTS (
            SELECT 1 FROM approvals_likeness l JOIN approvals_submission s ON s.automation_id = l.automation_id
            WHERE s.id = NEW.submission_id AND NOT EXISTS (
                SELECT 1 FROM approvals_likenessanswer a WHERE a.likeness_id = l.id AND NOT EXISTS (
                    SELECT 1 FROM approvals_retraction r WHERE r.decision_id = a.decision_id))) THEN
            RAISE EXCEPTION 'I9: nobody has said whether the app of submission % is the same as another', NEW.submission_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

#: It is said with an approval of that very app.
ANSWERED_WITH_THE_APP = pgtrigger.Trigger(
    name="answered_with_the_app",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
        IF NOT EXISTS (
            SELECT 1 FROM approvals_decision d JOIN approvals_approval a ON a.id = d.approval_id
            JOIN approvals_submission s ON s.id = a.submission_id JOIN approvals_likeness l ON l.automation_id = s.automation_id
            WHERE d.id = NEW.decision_id AND l.id = NEW.likeness_id AND a.stage = 1 AND d.outcome = 'approve') THEN
            RAISE EXCEPTION 'I9: decision % approves no app that likeness % is about', NEW.decision_id, NEW.likeness_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)
