"""The team on the row of each workflow that used a connection, for searches; migration 0029 fills it in.

Safe on a large table while another version of the product runs: the column is null, so that no row is rewritten for it,
and the index is built while it has no values. There is no foreign key, which would lock the teams to be validated.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0027_everyones_level"), ("teams", "0001_squashed_0013_texts_for_people")]

    operations = [
        migrations.AddField(
            model_name="workflowuse",
            name="team",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="teams.team",
            ),
        ),
        migrations.AddIndex(model_name="workflowuse", index=models.Index(fields=["team"], name="workflow_use_of_team")),
    ]
