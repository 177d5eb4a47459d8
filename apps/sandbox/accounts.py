"""The two accounts of the sandbox."""

from django.contrib.auth.models import User

PEOPLE = {"ada": "Ada Example", "grace": "Grace Example"}


def create_people() -> None:
    """Create both accounts, without passwords, unless they exist."""
    for username, name in PEOPLE.items():
        User.objects.update_or_create(
            username=username,
            defaults={"first_name": name, "email": f"{username}@sandbox.example", "password": "!"},
        )


def people() -> list[User]:
    return list(User.objects.filter(username__in=PEOPLE).order_by("username"))


def other_than(account: User) -> User:
    return User.objects.filter(username__in=PEOPLE).exclude(pk=account.pk).get()


def label(account: User) -> str:
    return f"{account.first_name} <{account.email}>"
