"""Index of the proposed resources that wait for a person: every page counts them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('inventory', '0003_automation_by_external_id')]

    operations = [
        migrations.AddIndex(
            model_name='resource',
            index=models.Index(
                models.F('id'), name='resource_proposed', condition=models.Q(state='proposed', unresolved=False)
            ),
        ),
    ]
