"""Every template compiles, and those that it includes exist: an include fails only when its branch is rendered."""

from pathlib import Path

from django.conf import settings
from django.template.loader import get_template
from django.template.loader_tags import IncludeNode
from django.utils.safestring import SafeString

TEMPLATES = Path(settings.BASE_DIR) / "templates"


def included_by(name: str) -> set[str]:
    nodes = get_template(name).template.nodelist.get_nodes_by_type(IncludeNode)
    return {node.template.var for node in nodes if isinstance(node.template.var, SafeString)}


def test_every_included_template_exists() -> None:
    names = [str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt")]
    included = {inner for name in names for inner in included_by(name)}
    assert included
    for name in included:
        get_template(name)
