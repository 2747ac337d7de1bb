"""Both people of a delegation are used up for lifting a stop (A11, G5)."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0001_initial'),
        ('inventory', '0003_no_admin_names_themselves_deputy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='automation',
            name='automation_lifting_needs_another',
        ),
        migrations.AddField(
            model_name='automation',
            name='resume_asked_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='automation',
            name='stopped_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalautomation',
            name='resume_asked_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalautomation',
            name='stopped_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='automation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resume_asked_by__isnull', True), ('stopped_by__isnull', True), models.Q(('resume_asked_by', models.F('stopped_by')), _negated=True), _connector='OR'), models.Q(('resume_asked_by__isnull', True), ('stopped_for__isnull', True), models.Q(('resume_asked_by', models.F('stopped_for')), _negated=True), _connector='OR'), models.Q(('resume_asked_for__isnull', True), ('stopped_by__isnull', True), models.Q(('resume_asked_for', models.F('stopped_by')), _negated=True), _connector='OR'), models.Q(('resume_asked_for__isnull', True), ('stopped_for__isnull', True), models.Q(('resume_asked_for', models.F('stopped_for')), _negated=True), _connector='OR')), name='automation_lifting_needs_another'),
        ),
    ]
