from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("sandbox", "0001_initial")]

    operations = [migrations.RenameField("consent", "introduced", "account_read")]
