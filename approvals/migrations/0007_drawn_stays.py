"""What was drawn stays drawn, open until its day, and on record (A13)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0006_party_decided_nothing'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='sample',
            name='sample_drawn_once',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sample',
            trigger=pgtrigger.compiler.Trigger(name='sample_drawn_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF (OLD.drawn_from_seal IS NOT NULL AND NEW.drawn_from_seal IS DISTINCT FROM OLD.drawn_from_seal)\n            OR OLD.submission_id <> NEW.submission_id\n            OR (OLD.due_at IS NOT NULL AND NEW.due_at IS DISTINCT FROM OLD.due_at)\n            OR (OLD.state = 'open' AND NEW.state IN ('waiting', 'not_drawn'))\n            OR (OLD.state NOT IN ('waiting', 'open') AND NEW.state <> OLD.state) THEN\n            RAISE EXCEPTION 'A13: sample % was drawn and stays as it was', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='d76048bab69c8b592bc0d67aa9f8026def4d2bd9', operation='UPDATE', pgid='pgtrigger_sample_drawn_once_1c814', table='approvals_sample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sample',
            trigger=pgtrigger.compiler.Trigger(name='sample_drawn_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF OLD.drawn_from_seal IS NOT NULL THEN\n            RAISE EXCEPTION 'A13: sample % was drawn and stays on record', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN OLD;\n    ", hash='9510d3222283a7734bc9516a21edff251cf6d988', operation='DELETE', pgid='pgtrigger_sample_drawn_stays_98a34', table='approvals_sample', when='BEFORE')),
        ),
    ]
