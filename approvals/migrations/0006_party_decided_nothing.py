"""Who has decided in a submission becomes no party of it (S1)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0005_samples_of_versions'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='party',
            trigger=pgtrigger.compiler.Trigger(name='party_decided_nothing', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF EXISTS (SELECT 1 FROM approvals_decisionperson d\n                   WHERE d.submission_id = NEW.submission_id AND d.person_id = NEW.person_id)\n            AND NOT EXISTS (SELECT 1 FROM approvals_party p\n                            WHERE p.submission_id = NEW.submission_id AND p.person_id = NEW.person_id) THEN\n            RAISE EXCEPTION 'SOD-1: who decided in submission % becomes no party of it', NEW.submission_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='fdadc212e9be703314d7a3b1c18a61dc97f76109', operation='INSERT', pgid='pgtrigger_party_decided_nothing_5bede', table='approvals_party', when='BEFORE')),
        ),
    ]
