from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0004_by_proposal'),
    ]

    operations = [
        migrations.AddField(
            model_name='notice',
            name='dates',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
    ]
