"""Sentences that are raised and stored in English are shown in the reader's language."""

import pytest
from django.utils.translation import override

from apps.sentences import text_of_catalog, translated


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("This connection is personal. Ask its owner to share it.",
         "Diese Verbindung ist persönlich. Bitten Sie ihren Eigentümer, sie freizugeben."),
        # A value, and a sentence as a value
        ("Carrier Hub cannot be reached: The host name cannot be resolved.",
         "Carrier Hub ist nicht erreichbar: Der Hostname lässt sich nicht auflösen."),
        # A part of a sentence as a value, which has a value itself
        ("Billing returned no token (error “invalid_grant”). Nothing was stored; try again.",
         "Billing hat kein Token zurückgegeben (Fehler „invalid_grant“). Es wurde nichts gespeichert; versuchen Sie es "
         "noch einmal."),
        # Two entries of the catalog, the first of which is two sentences
        ("Access was declined at Slack. Nothing was stored. Slack responded: “Not. Now.”.",
         "Der Zugriff wurde bei Slack abgelehnt. Es wurde nichts gespeichert. Slack hat geantwortet: „Not. Now.“."),
        # Names stay, also those that are texts of the catalog
        ("Integrations was not granted Settings. Reconnect it with these permissions.",
         "Integrations hat die Berechtigung Settings nicht. Verbinden Sie mit ihr neu."),
        ("A % in the path must be followed by two hexadecimal digits. Write %25 for a literal %.",
         "Auf ein % im Pfad müssen zwei Hexadezimalziffern folgen. Schreiben Sie %25 für ein einfaches %."),
        # What no catalog has stays
        ("Der Server sagt: nein. Basta.", "Der Server sagt: nein. Basta."),
        ("", ""),
    ],
)  # fmt: skip
def test_sentences_are_translated_with_their_values(sentence: str, german: str) -> None:
    assert translated(sentence) == sentence
    with override("de"):
        assert translated(sentence) == german


def test_the_longest_text_that_fits_is_taken() -> None:
    """Otherwise the reason would be part of the name of the service."""
    sentence = (
        "Hub rejected the client ID or secret and issued no request token. If both are correct, register x there."
    )
    with override("de"):
        assert "kein Request-Token ausgestellt" in translated(sentence)


@pytest.mark.parametrize("language", ["en", "xx"])
def test_other_languages_leave_the_sentence(language: str) -> None:
    with override(language):
        assert translated("There is no such API.") == "There is no such API."


def test_texts_of_the_catalog_are_translated_or_marked_as_english() -> None:
    assert text_of_catalog("Files and folders") == "Files and folders"
    with override("de"):
        assert text_of_catalog("Files and folders") == "Dateien und Ordner"
        assert text_of_catalog("Read <all> files") == '<span lang="en">Read &lt;all&gt; files</span>'
        assert text_of_catalog("") == ""


@pytest.mark.parametrize("text", ["a. " * 300, "x" * 2000 + ".", "One. " * 20])
def test_text_that_is_no_finding_is_not_compared(text: str) -> None:
    with override("de"):
        assert translated(text) == text
