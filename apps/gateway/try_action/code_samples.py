"""The same request as code: a curl command and a Python script. Pure."""

import json
from shlex import quote

from apps.gateway.proxy.headers import Headers

KEY = "SPECWAY_KEY"


def curl_command(*, method: str, url: str, headers: Headers, body: str) -> str:
    """For a POSIX shell, with the API key in the environment variable `KEY`."""
    # curl would expand brackets and braces.
    start = f"curl{' --globoff' if set(url) & set('[]{}') else ''} {_method_option(method, body)}{quote(url)}"
    parts = [start, f'-H "Authorization: Bearer ${KEY}"']
    parts += [f"-H {quote(f'{name}: {value}')}" for name, value in headers]
    if body:
        parts.append(f"--data-raw {quote(body)}")
    return " \\\n  ".join(parts)


def _method_option(method: str, body: str) -> str:
    if method == "HEAD":
        return "--head "
    return "" if method == ("POST" if body else "GET") else f"-X {method} "


def python_script(*, method: str, url: str, headers: Headers, body: str) -> str:
    """With `requests`, and the API key in the environment variable `KEY`."""
    header_lines = [f"        {_literal(name)}: {_literal(value)}," for name, value in headers]
    return "\n".join(
        [
            "import os",
            "",
            "import requests",
            "",
            "response = requests.request(",
            f"    {_literal(method)},",
            f"    {_literal(url)},",
            "    headers={",
            f'        "Authorization": f"Bearer {{os.environ[\'{KEY}\']}}",',
            *header_lines,
            "    },",
            *([f"    data={_literal(body)}.encode(),"] if body else []),
            "    timeout=60,",
            ")",
            "print(response.status_code, response.text)",
        ]
    )


def _literal(value: str) -> str:
    """A Python literal of this text."""
    return json.dumps(value, ensure_ascii=True) if value.isascii() else repr(value)
