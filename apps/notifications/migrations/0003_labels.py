from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("notifications", "0002_field_names")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="status",
            field=models.CharField(
                choices=[("pending", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")],
                default="pending",
                max_length=10,
            ),
        ),
    ]
