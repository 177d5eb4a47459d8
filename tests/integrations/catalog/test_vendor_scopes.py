"""The offered scopes of Google and Microsoft, compared with the vendors' own lists; every offer can be used."""

from dataclasses import replace
from typing import Any

import pytest

from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.catalog.vendor_scopes import has_vendor_list, scope_problems

DRIVE = "https://www.googleapis.com/auth/drive"


def changed(slug: str, of: str, values: dict[str, Any]) -> CatalogEntry:
    """The entry with one of its scopes changed."""
    entry = catalog()[slug]
    scopes = tuple(replace(scope, **values) if scope.name == of else scope for scope in entry.scopes)
    assert scopes != entry.scopes
    return replace(entry, scopes=scopes)


def test_every_offered_scope_agrees_with_the_vendors_list() -> None:
    compared = [entry for entry in catalog().values() if has_vendor_list(entry)]
    assert {"gmail", "google-drive", "youtube", "microsoft-graph", "microsoft-teams"} <= {e.slug for e in compared}
    assert len(compared) >= 30
    assert [problem for entry in compared for problem in scope_problems(entry)] == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (("google-drive", DRIVE, {"name": f"{DRIVE}.everything"}), "drive.everything is not in the vendor's list"),
        (("google-drive", f"{DRIVE}.activity.readonly", {"host": "upload"}), "cannot be used at https://www.goo"),
        (("google-analytics", "https://www.googleapis.com/auth/analytics", {"access": "read"}), "access is read"),
        (("google-drive", DRIVE, {"description": "See all files"}), "allows deletion"),
        (("microsoft-teams", "ChannelMessage.Read.All", {"caution": ""}), "the consent of an administrator"),
        (("microsoft-sharepoint", "Sites.ReadWrite.All", {"description": "Edit items"}), "allows deletion"),
    ],
)
def test_a_contradiction_is_named(entry: tuple[str, str, dict[str, Any]], problem: str) -> None:
    (found,) = scope_problems(changed(*entry))
    assert found.startswith(f"{entry[0]}: ")
    assert problem in found


def test_services_of_other_vendors_are_not_compared() -> None:
    assert not has_vendor_list(catalog()["github"])
    assert scope_problems(catalog()["github"]) == []


def is_below(url: str, base: str) -> bool:
    return f"{url.partition('?')[0].rstrip('/')}/".startswith(f"{base.rstrip('/')}/")


def test_what_identifies_the_account_can_be_called_through_the_proxy() -> None:
    """Scopes such as openid, profile and read:me are offered: their call is at the base URL or a named host."""
    outside = {
        entry.slug: entry.account.url
        for entry in catalog().values()
        if entry.account
        and not any(
            is_below(entry.account.url, base) for base in [entry.api.base_url, *(h.base_url for h in entry.hosts)]
        )
    }
    assert outside == {}


@pytest.mark.parametrize(
    ("slug", "scope"),
    [
        ("discord", "messages.read"),  # for the local RPC server
        ("twitch", "chat:read"),  # for IRC
        ("netsuite", "suite_analytics"),  # for ODBC and JDBC
        ("docusign", "impersonation"),  # for the JWT grant
        ("docusign", "aow_manage"),  # at a host that is not reachable
        ("linear", "app:assignable"),  # for actor=app
        ("yahoo", "mail-r"),  # for IMAP
        ("adobe", "creative_sdk"),  # at a host that is not reachable
    ],
)
def test_what_is_usable_nowhere_is_not_offered(slug: str, scope: str) -> None:
    assert scope not in {offered.name for offered in catalog()[slug].scopes}
