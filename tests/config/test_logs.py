"""What is cut out of log lines, and what stays readable."""

import pytest

from config.logs import redact


@pytest.mark.parametrize(
    "line",
    [
        "Error handling request /oauth/callback?code=SECRET&state=SECRET",
        "GET https://api.example.com/v1/me?access_token=SECRET HTTP/1.1",
        "Authorization: Bearer SECRET-SECRET",
        "authorization: basic U0VDUkVUOlNFQ1JFVA==",
        "Not Found: /invitations/SECRETSECRETSECRETSECRETSECRET/",
        "made spw_abcd_SECRET",
        "made spw_abcd_12-SECRET",
    ],
)
def test_what_looks_like_a_secret_is_cut(line: str) -> None:
    assert "SECRET" not in redact(line)
    assert "U0VDUkVU" not in redact(line)
    assert "[cut]" in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "Not Found: /connections/0b9c6f0e-8f4e-4f43-9a52-0a5a1a6a2f10/",
        "celery@host ready.",
        "What now? Nothing.",
        'GET /static/specway.css" 200',
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert redact(line) == line
