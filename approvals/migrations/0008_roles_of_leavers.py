"""The roles of a person who has left may end without a proposal (P1)."""

from django.db import migrations

from governance.core.database import schema


class Migration(migrations.Migration):
    dependencies = [("approvals", "0007_stop_of_a_grant")]
    operations = [schema.load_sql(__file__, "owners_by_proposal.sql")]
