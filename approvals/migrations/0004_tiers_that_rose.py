"""What the risk of a grant has risen to since it was approved (T4)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0003_kept_as_decided'),
        ('inventory', '0005_reviewed_because'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='grant',
            name='grant_never_grows',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='grant',
            name='grant_says_what_was_approved',
        ),
        migrations.AddField(
            model_name='grant',
            name='raised_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='grant',
            name='raised_to',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name='historicalgrant',
            name='raised_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalgrant',
            name='raised_to',
            field=models.CharField(blank=True, max_length=8),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='grant',
            trigger=pgtrigger.compiler.Trigger(name='grant_says_what_was_approved', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE own approvals_approval%ROWTYPE; held inventory_privilege%ROWTYPE; known inventory_entitlement%ROWTYPE; old approvals_grant%ROWTYPE;', func="\n        SELECT * INTO own FROM approvals_approval WHERE id = NEW.approval_id;\n        SELECT * INTO held FROM inventory_privilege WHERE id = own.privilege_id;\n        SELECT * INTO known FROM inventory_entitlement WHERE id = held.entitlement_id;\n        IF own.kind <> NEW.kind OR own.tier <> NEW.tier\n            OR own.kind = 'privilege' AND (\n                (held.entitlement_id, held.key, held.target) IS DISTINCT FROM (NEW.entitlement_id, NEW.key, NEW.target)\n                OR held.credential_id IS DISTINCT FROM NEW.credential_id\n                OR NOT NEW.scope <@ held.scope OR NOT NEW.scope <@ COALESCE(own.granted_scope, held.scope)\n                OR EXISTS (SELECT 1 FROM (SELECT d.term_days, d.level, d.scope FROM approvals_decision d\n              WHERE d.outcome = 'approve' AND d.id IN (SELECT d.id FROM approvals_decision d WHERE d.approval_id = own.id AND d.round = own.round\n              UNION SELECT c.decision_id FROM approvals_carrieddecision c\n              WHERE c.approval_id = own.id AND c.round = own.round)) taken WHERE NOT NEW.scope <@ taken.scope))\n            OR own.kind = 'credential' AND own.credential_id IS DISTINCT FROM NEW.credential_id THEN\n            RAISE EXCEPTION 'G1: a grant says what was approved (approval %)', own.id USING ERRCODE = 'check_violation';\n        END IF;\n        IF own.kind = 'privilege' AND array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(NEW.level, 'unknown', 'write')::text) > LEAST(\n            array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(NULLIF(own.granted_level, ''), 'unknown', 'write')::text),\n            (SELECT min(array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(NULLIF(taken.level, ''), 'unknown', 'write')::text)) FROM (SELECT d.term_days, d.level, d.scope FROM approvals_decision d\n              WHERE d.outcome = 'approve' AND d.id IN (SELECT d.id FROM approvals_decision d WHERE d.approval_id = own.id AND d.round = own.round\n              UNION SELECT c.decision_id FROM approvals_carrieddecision c\n              WHERE c.approval_id = own.id AND c.round = own.round)) taken)) THEN\n            RAISE EXCEPTION 'G1: a grant is never more than what was approved (approval %)', own.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.predecessor_id IS NOT NULL THEN\n            SELECT * INTO old FROM approvals_grant WHERE id = NEW.predecessor_id;\n            IF (old.approval_id, old.app_approval_id) IS DISTINCT FROM (NEW.approval_id, NEW.app_approval_id)\n                OR array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(NEW.level, 'unknown', 'write')::text) > array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(old.level, 'unknown', 'write')::text)\n                OR NOT NEW.scope <@ old.scope OR array_position(ARRAY['', 'standard', 'high'], NEW.raised_to::text) < array_position(ARRAY['', 'standard', 'high'], old.raised_to::text) THEN\n                RAISE EXCEPTION 'G2: a successor is never wider than grant %', old.id USING ERRCODE = 'check_violation';\n            END IF;\n        ELSIF own.kind = 'privilege' AND array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(NEW.level, 'unknown', 'write')::text) >\n            GREATEST(array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(held.level, 'unknown', 'write')::text), array_position(ARRAY['read', 'write', 'execute', 'admin'], replace(known.level, 'unknown', 'write')::text)) THEN\n            RAISE EXCEPTION 'G1: a grant is never more than what was asked (approval %)', own.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='54923700fea69cedf44800db5934fc41d7d3204e', operation='INSERT', pgid='pgtrigger_grant_says_what_was_approved_0d29e', table='approvals_grant', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='grant',
            trigger=pgtrigger.compiler.Trigger(name='grant_never_grows', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF (OLD.automation_id, OLD.kind, OLD.key, OLD.target, OLD.scope, OLD.level, OLD.app_approval_id, OLD.approval_id,\n            OLD.begins_at) IS DISTINCT FROM\n            (NEW.automation_id, NEW.kind, NEW.key, NEW.target, NEW.scope, NEW.level, NEW.app_approval_id, NEW.approval_id,\n            NEW.begins_at)\n            OR OLD.entitlement_id IS DISTINCT FROM NEW.entitlement_id\n            OR OLD.credential_id IS DISTINCT FROM NEW.credential_id\n            OR OLD.predecessor_id IS DISTINCT FROM NEW.predecessor_id OR NEW.ends_at > OLD.ends_at THEN\n            RAISE EXCEPTION 'G1: grant % never changes what it allows, and never grows', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF array_position(ARRAY['', 'standard', 'high'], NEW.raised_to::text)\n            < array_position(ARRAY['', 'standard', 'high'], OLD.raised_to::text) THEN\n            RAISE EXCEPTION 'T4: the risk of grant % falls at its renewal and not before', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF OLD.state = 'ended' AND NEW.state <> 'ended' THEN\n            RAISE EXCEPTION 'G3: grant % has ended', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='c5a51312f71664178d9cc8ff785622474437b5c8', operation='UPDATE', pgid='pgtrigger_grant_never_grows_a0835', table='approvals_grant', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.CheckConstraint(condition=models.Q(('raised_to__in', ['', 'standard', 'high'])), name='grant_raised_to_known'),
        ),
    ]
