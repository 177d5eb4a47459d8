"""A database made by the squashed migrations is that of one which went through the migrations they replace."""

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

STEPS = MigrationLoader(None, replace_migrations=False)


def state(loader: MigrationLoader, nodes: list[tuple[str, str]]) -> ProjectState:
    made: ProjectState = loader.project_state(nodes)
    return made


def test_each_app_with_models_starts_with_a_squashed_migration() -> None:
    assert {app for app, _ in STEPS.replacements} == {"audit", "connections", "integrations", "notifications", "teams"}


def test_a_squashed_migration_replaces_each_older_migration_of_its_app() -> None:
    for (app, name), squashed in STEPS.replacements.items():
        older = sorted(each for each in STEPS.disk_migrations if each[0] == app and each[1] <= squashed.replaces[-1][1])
        assert [*squashed.replaces, (app, name)] == sorted(older, key=lambda each: each[1] == name), app


def test_the_squashed_migrations_make_the_same_models() -> None:
    step_by_step = state(STEPS, [squashed.replaces[-1] for squashed in STEPS.replacements.values()])
    loader = MigrationLoader(None)
    at_once = state(loader, list(loader.replacements))
    assert len(at_once.models) > 40
    assert MigrationAutodetector(step_by_step, at_once).changes(loader.graph) == {}
