"""Rewrites the times that the database wrote on SQLite to Python's format; see `apps.sql.Now`.

Covers all tables, since a table that does not exist yet has no such times. Django's `Now` wrote milliseconds (23
characters); Python writes microseconds (26 characters), or no fraction if it is zero.
"""

from django.db import migrations


def rewrite_times(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "sqlite":
        return
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"PRAGMA table_info({quote(table)})")
            columns = [row[1] for row in cursor.fetchall() if row[2].lower() == "datetime"]
            for column in map(quote, columns):
                cursor.execute(
                    f"UPDATE {quote(table)} SET {column} = REPLACE({column} || '000', '.000000', '')"
                    f" WHERE LENGTH({column}) = 23"
                )


class Migration(migrations.Migration):

    dependencies = [("teams", "0004_hashed_sessions")]

    operations = [migrations.RunPython(rewrite_times, migrations.RunPython.noop)]
