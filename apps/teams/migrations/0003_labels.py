from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("teams", "0002_second_factor_secret")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="is_staff",
            field=models.BooleanField(default=False, help_text="May use the admin.", verbose_name="operator"),
        ),
    ]
