"""What Try an action writes for programs, read back by a shell and by Python; and JSON as it is shown."""

import ast
import html
import json
import re
import subprocess

import pytest

from apps.gateway.try_action.code_samples import curl_command, python_script
from apps.gateway.try_action.forms import TryForm
from apps.gateway.try_action.response_view import displayed, indented

URL = "https://specway.example/api/v1/connections/x/proxy/a'b$(id)?q=%C3%A9&z=[1]"
BODY = '{"a": "it\'s $HOME `id`\n\\u00e9 \u20ac"}'
HEADERS = [("X-Own", 'it\'s "quoted" $HOME')]


@pytest.mark.parametrize(("method", "body"), [("POST", BODY), ("PUT", BODY), ("GET", ""), ("DELETE", "")])
def test_a_shell_runs_the_curl_command_with_the_same_request(method: str, body: str) -> None:
    line = curl_command(method=method, url=URL, headers=HEADERS, body=body)
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + line
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, env={"SPECWAY_KEY": "my-key"})
    words = shell.stdout.decode().split("\0")
    assert {URL, "Authorization: Bearer my-key", 'X-Own: it\'s "quoted" $HOME', "--globoff"} <= set(words)
    assert (words[words.index("--data-raw") + 1] if body else "") == body
    assert ("-X" in words) is (method in ("PUT", "DELETE"))


def test_the_python_script_makes_the_same_request() -> None:
    tree = ast.parse(python_script(method="POST", url=URL, headers=HEADERS, body=BODY))
    (call,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "request"]
    assert [ast.literal_eval(arg) for arg in call.args] == ["POST", URL]
    given = {word.arg: word.value for word in call.keywords}
    assert isinstance(given["headers"], ast.Dict)
    assert ast.literal_eval(given["headers"].values[1]) == HEADERS[0][1]
    assert isinstance(given["data"], ast.Call)
    assert ast.literal_eval(given["data"].func.value) == BODY  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    ['{"a":[1,2.50,{"b":null}],"c":{},"d":[],"e":"x:y,{\\"}"}', "[]", '[[],"\\u0041",-1e9,true]', '{"<b>":"&amp;"}'],
)
def test_indented_json_is_the_same_json(text: str) -> None:
    plain = html.unescape(re.sub(r"</?span[^>]*>", "", indented(text)))
    assert json.loads(plain) == json.loads(text)
    assert re.sub(r"\s", "", plain) == re.sub(r"\s", "", text)


def test_indented_json_has_a_line_for_each_value() -> None:
    plain = re.sub(r"</?span[^>]*>", "", indented('{"a":[1,{}]}')).replace("&quot;", '"')
    assert plain == '{\n  "a": [\n    1,\n    {}\n  ]\n}'


def test_the_indentation_of_deep_json_is_bounded() -> None:
    assert len(indented("[" * 900 + "]" * 900)) < 200_000


def test_a_truncated_last_character_is_still_text() -> None:
    assert displayed("abc\u20ac".encode()[:-1], "text/plain").kind == "text"
    assert displayed(b"a\xe2b" + b"c" * 10, "text/plain").kind == "binary"


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("https://api.acme.example/ex/jira/7/rest/issue", "rest/issue"),
        ("https://api.acme.example/me", "@account/me"),
        ("https://up.acme.example/v1/files?x=1", "@up/files?x=1"),
        ("/rest/issue", "rest/issue"),
    ],
)
def test_a_pasted_url_is_continued_at_its_most_specific_host(pasted: str, path: str) -> None:
    hosts = {"account": "https://api.acme.example", "up": "https://up.acme.example/v1"}
    form = TryForm({"method": "GET", "path": pasted}, base="https://api.acme.example/ex/jira/7", hosts=hosts)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["path"] == path
