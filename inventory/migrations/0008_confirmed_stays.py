"""What a connection is confirmed to open stays on record, with whoever answers for it (I8)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0007_authors_named_by_the_source'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='binding',
            name='binding_confirmed_by_its_owner',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='binding',
            trigger=pgtrigger.compiler.Trigger(name='binding_confirmed_by_its_owner', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NEW.confirmed_at IS NOT NULL AND (\n            TG_OP = 'INSERT' OR OLD.confirmed_at IS NULL\n            OR NEW.resource_id = OLD.resource_id AND NEW.confirmed_by_id IS DISTINCT FROM OLD.confirmed_by_id\n        ) AND NOT EXISTS (SELECT 1 FROM inventory_resource r WHERE r.id = NEW.resource_id\n              AND (NEW.confirmed_by_id IN (r.owner_id, r.deputy_id) OR EXISTS (\n                  SELECT 1 FROM controls_delegation d WHERE d.taker_id = NEW.confirmed_by_id\n                  AND d.giver_id IN (r.owner_id, r.deputy_id)))) THEN\n            RAISE EXCEPTION 'I8: only who answers for a resource confirms what opens it (binding %)', NEW.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='9b1b4b1b9fd93d1a9ce833346aa2be32952a0be4', operation='INSERT OR UPDATE', pgid='pgtrigger_binding_confirmed_by_its_owner_58715', table='inventory_binding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='binding',
            trigger=pgtrigger.compiler.Trigger(name='binding_confirmed_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF OLD.confirmed_at IS NOT NULL AND (\n            TG_OP = 'DELETE' OR NEW.connector <> OLD.connector OR NEW.instance_name <> OLD.instance_name) THEN\n            RAISE EXCEPTION 'I8: what a connection is confirmed to open stays on record (binding %)', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF TG_OP = 'DELETE' THEN\n            RETURN OLD;\n        END IF;\n        RETURN NEW;\n    ", hash='db2c3576a5b5fb9e15cd34438762ec1e6da65c46', operation='UPDATE OR DELETE', pgid='pgtrigger_binding_confirmed_stays_a0486', table='inventory_binding', when='BEFORE')),
        ),
    ]
