"""Fills in the team of the workflows that used connections before there was the column.

1,000 rows at a time, each time in a statement and transaction of their own; after an interruption, `migrate` continues.
A version that does not know the column may add rows meanwhile: searches read those too, and the next use fills them in.
"""

from typing import Any

from django.db import migrations, models

BATCH = 1000


def fill(apps: Any, schema_editor: Any) -> None:
    uses, connections = (apps.get_model("connections", name).objects for name in ("WorkflowUse", "Connection"))
    team = models.Subquery(connections.filter(pk=models.OuterRef("connection")).values("team")[:1])
    last = 0
    while batch := list(uses.filter(team=None, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        uses.filter(pk__in=batch).update(team=team)
        last = batch[-1]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("connections", "0028_workflow_use_of_team")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
