"""The same request for a program: as a line of curl, and in Python. Pure."""

import json
from shlex import quote

from apps.gateway.proxy.headers import Headers

KEY = "SPECWAY_KEY"


def curl_line(*, method: str, url: str, headers: Headers, body: str) -> str:
    """For a POSIX shell, with the key in the environment variable `KEY`."""
    # Brackets and braces would be patterns to curl.
    first = f"curl{' --globoff' if set(url) & set('[]{}') else ''} {_method(method, body)}{quote(url)}"
    parts = [first, f'-H "Authorization: Bearer ${KEY}"']
    parts += [f"-H {quote(f'{name}: {value}')}" for name, value in headers]
    if body:
        parts.append(f"--data-raw {quote(body)}")
    return " \\\n  ".join(parts)


def _method(method: str, body: str) -> str:
    if method == "HEAD":
        return "--head "
    return "" if method == ("POST" if body else "GET") else f"-X {method} "


def python_lines(*, method: str, url: str, headers: Headers, body: str) -> str:
    """With `requests`, and the key in the environment variable `KEY`."""
    named = [f"        {_text(name)}: {_text(value)}," for name, value in headers]
    return "\n".join(
        [
            "import os",
            "",
            "import requests",
            "",
            "answer = requests.request(",
            f"    {_text(method)},",
            f"    {_text(url)},",
            "    headers={",
            f'        "Authorization": f"Bearer {{os.environ[\'{KEY}\']}}",',
            *named,
            "    },",
            *([f"    data={_text(body)}.encode(),"] if body else []),
            "    timeout=60,",
            ")",
            "print(answer.status_code, answer.text)",
        ]
    )


def _text(value: str) -> str:
    """A literal that Python reads as this text."""
    return json.dumps(value, ensure_ascii=True) if value.isascii() else repr(value)
