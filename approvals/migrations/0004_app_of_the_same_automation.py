"""A grant's app approval is one of its own automation, also where a submission was made to point at another's (G1)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0003_time_to_accept'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='grant',
            name='grant_rests_on_approvals',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='grant',
            trigger=pgtrigger.compiler.Trigger(name='grant_rests_on_approvals', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE app approvals_approval%ROWTYPE; own approvals_approval%ROWTYPE; whole approvals_submission%ROWTYPE; app_of approvals_submission%ROWTYPE;', func="\n        SELECT * INTO app FROM approvals_approval WHERE id = NEW.app_approval_id;\n        SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;\n        SELECT * INTO whole FROM approvals_submission WHERE id = own.submission_id;\n        SELECT * INTO app_of FROM approvals_submission WHERE id = app.submission_id;\n        IF app.kind <> 'app' OR app.state <> 'approved' THEN\n            RAISE EXCEPTION 'G1: a grant needs an approved app (approval % is %)', app.id, app.state\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF own.stage <> 2 OR own.state <> 'approved' THEN\n            RAISE EXCEPTION 'G1: a grant needs its own approved approval (approval % is %)', own.id, own.state\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF whole.automation_id <> NEW.automation_id OR app_of.automation_id <> NEW.automation_id\n            OR whole.app_approval_id IS DISTINCT FROM NEW.app_approval_id THEN\n            RAISE EXCEPTION 'G1: approvals % and % are no pair of automation %', app.id, own.id, NEW.automation_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.ends_at > NEW.begins_at + make_interval(days => COALESCE(own.granted_term_days, own.term_days)) THEN\n            RAISE EXCEPTION 'G1: a grant is never longer than its approval (approval %)', own.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='d6a99521797cbe6e4252c38893d02b1556f98cad', operation='INSERT OR UPDATE OF "app_approval_id", "approval_id", "begins_at", "ends_at", "predecessor_id"', pgid='pgtrigger_grant_rests_on_approvals_20020', table='approvals_grant', when='BEFORE')),
        ),
    ]
