"""The list of protections fits the code; `python -m tests.mutations` tries each of them."""

from collections import Counter

from tests.mutations.protections import PROTECTIONS


def test_each_protection_is_where_the_list_says() -> None:
    assert [f"{each.name}: {problem}" for each in PROTECTIONS if (problem := each.problem())] == []


def test_there_are_forty_protections_of_all_packages() -> None:
    assert len(PROTECTIONS) >= 40
    packages = {each.name.partition(":")[0] for each in PROTECTIONS}
    assert packages >= {"audit", "connections", "egress", "gateway", "integrations", "notifications"}
    assert packages >= {"oauth", "rest", "sandbox", "teams", "vault", "web", "config", "sql"}


def test_each_protection_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(each.name for each in PROTECTIONS).items() if times > 1] == []
