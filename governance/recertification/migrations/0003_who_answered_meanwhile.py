"""Who answers for an automation meanwhile does not say that what it holds is acceptable (S4, I3)."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('recertification', '0002_kept_on_record'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='answer',
            name='answer_two_people',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='answer',
            trigger=pgtrigger.compiler.Trigger(name='answer_two_people', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF NEW.answer NOT IN ('keep', 'revoke', 'do_not_renew') THEN\n                        RETURN NEW;\n                    END IF;\n                    IF EXISTS (SELECT 1 FROM recertification_question mine\n                               JOIN recertification_item i ON i.id = mine.item_id\n                               JOIN approvals_grant g ON g.id = i.grant_id\n                               JOIN inventory_automation au ON au.id = g.automation_id\n                               WHERE mine.id = NEW.question_id AND mine.asks = 'acceptable'\n                                 AND (au.business_owner_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))\n                                   OR au.technical_owner_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))\n                                   OR EXISTS (SELECT 1 FROM inventory_interimowner meanwhile\n                                              WHERE meanwhile.id = au.interim_id AND meanwhile.person_id IN\n                                                  (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id)))))\n                    THEN\n                        RAISE EXCEPTION 'SOD-4: who owns the automation does not say that it is acceptable'\n                            USING ERRCODE = 'check_violation';\n                    END IF;\n                    IF EXISTS (SELECT 1 FROM recertification_answer a\n                               JOIN recertification_question q ON q.id = a.question_id\n                               JOIN recertification_question mine ON mine.item_id = q.item_id AND mine.id <> q.id\n                               WHERE mine.id = NEW.question_id AND a.answer IN ('keep', 'revoke', 'do_not_renew')\n                                 AND (a.person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))\n                                   OR a.for_person_id IN (NEW.person_id, COALESCE(NEW.for_person_id, NEW.person_id))))\n                    THEN\n                        RAISE EXCEPTION 'SOD-4: the two questions of an item are answered by two people'\n                            USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='a2d5f4c6105caec961986fcd3245d2c569892fc7', operation='INSERT', pgid='pgtrigger_answer_two_people_55baf', table='recertification_answer', when='BEFORE')),
        ),
    ]
