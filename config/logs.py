"""The last filter before a log: text that looks like a secret is cut out of each line.

The product's own code logs no secrets. This filter is for other code: a web server that quotes a request line, a
library's message with a URL in it, a link with a one-time key in its path.
"""

import logging
import re

_CUT = "[cut]"
_QUERY = re.compile(r"(?<=[\w/])\?(?=[\w.~%-]+=)[^\s\"'<>]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_API_KEY = re.compile(r"\bspw_[\w-]+")
_SIGNING_SECRET = re.compile(r"\bwhsec_[\w+/=-]+")
# One-time links carry their key as a path segment. UUIDs and digests of files in /static/ are no secrets.
_LONG_SEGMENT = re.compile(r"(?<=/)(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-)[A-Za-z0-9_:-]{24,}(?=[/\s\"']|$)")


def redact(text: str) -> str:
    """The text without query strings, authorization headers, API keys and long path segments."""
    text = _QUERY.sub(f"?{_CUT}", text)
    text = _BEARER.sub(rf"\1 {_CUT}", text)
    text = _API_KEY.sub(f"spw_{_CUT}", text)
    text = _SIGNING_SECRET.sub(f"whsec_{_CUT}", text)
    return _LONG_SEGMENT.sub(_CUT, text)


class RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
