"""Every field for an address that a person can fill in: of forms, of templates, of the REST API's bodies."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from django import forms
from drf_spectacular.generators import SchemaGenerator

import apps

_TEMPLATES = Path(apps.__path__[0]).parent / "templates"
_URL = re.compile(r"(?:.*_)?(?:url|uri|issuer|origin|host|address|endpoint)s?")
_INPUT = re.compile(r'<(?:input|textarea)\b[^>]*\bname="([a-z_-]+)"')


def url_fields() -> set[str]:
    """Their names; what is only ever shown is not among them."""
    for module in pkgutil.walk_packages(apps.__path__, "apps."):
        if not module.name.startswith("apps.sandbox") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    typed = {*_of_forms(), *_of_the_api(), *_of_templates()}
    return {name for name in typed if _URL.fullmatch(name)}


def _of_forms() -> Iterator[str]:
    for form in _below(forms.BaseForm):
        yield from form.base_fields


def _of_the_api() -> Iterator[str]:
    """Of every body that the REST API takes, as its description has them."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    calls = [call for path in document["paths"].values() for call in path.values()]
    waiting = [body["schema"] for call in calls for body in call.get("requestBody", {}).get("content", {}).values()]
    known: set[str] = set()
    while waiting:
        schema = waiting.pop()
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in known:
            known.add(name)
            waiting.append(document["components"]["schemas"][name])
        yield from schema.get("properties", {})
        waiting += [*schema.get("properties", {}).values(), *schema.get("allOf", ())]
        if "items" in schema:
            waiting.append(schema["items"])


def _of_templates() -> Iterator[str]:
    for template in _TEMPLATES.rglob("*.html"):
        yield from _INPUT.findall(template.read_text())


def _below(kind: type) -> Iterator[type]:
    for found in kind.__subclasses__():
        if found.__module__.startswith("apps."):
            yield found
        yield from _below(found)
