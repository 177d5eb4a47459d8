"""The word before a key in the Authorization header, as descriptions show it: "Token token=…", "SSWS {key}", "Bot"."""

import re

_WORD = r"[A-Za-z][A-Za-z0-9-]{0,39}"
# The placeholder of a key in an example.
_VALUE = r"(?:[<{\[(]|\.\.\.|…|your|my|x{3,}|abc|[A-Z]+_[A-Z_]+|\S*[0-9]|[a-z]+_[a-z_]+)"
_PLAIN_VALUE = r"(?:api[ _-]?key|apikey|token|key|secret|jwt|value|credentials)\b"
_QUOTE = "[`'\"“‘]"
_PATTERNS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # The header itself: Authorization: Token token=…, Authorization: Bot <token>
        rf"authorization[`'\"”’]?\s*[:=]\s*{_QUOTE}?"
        rf"({_WORD} [a-z_]+=|{_WORD}(?=\s+(?:{_VALUE}|{_PLAIN_VALUE})))",
        # Its value anywhere: Token token=<key>, `Klaviyo-API-Key your-private-key`, SSWS {key}
        rf"\b({_WORD} [a-z_]+=)(?=\s*{_VALUE})",
        rf"{_QUOTE}({_WORD})\s+{_VALUE}[^`'\"”’]*[`'\"”’]",
        r"\b(SSWS|Bot|Token|ApiKey|Api-Key|GenieKey|OAuth|Key)\s+(?=[<{\[])",
        # In words: prefixed with Token, with the prefix Bot
        r"\bprefix(?:ed)?(?:\s+(?:it|the key|the token))?\s+(?:with|by)\s+(?:the\s+(?:word|string|text)\s+)?"
        rf"{_QUOTE}?({_WORD})",
        rf"\bthe\s+prefix\s+{_QUOTE}?({_WORD})",
    )
]
# Words of sentences that are never a prefix.
_NEVER = frozenset({"a", "an", "api", "for", "is", "must", "of", "or", "should", "the", "to", "with", "your"})


def prefix_in(description: str) -> str:
    """The prefix that the description of an Authorization header shows; "" for none."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(description):
            if match[1].lower() not in _NEVER:
                return str(match[1])
    return ""
