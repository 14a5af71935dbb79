"""Names and words of people: what looks the same is the same, and nothing is in them that nobody sees."""

import re
from unicodedata import category, normalize

#: Letters and marks that show nothing: fillers, joiners, selectors of variants.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_LAYOUT = "\t\n\r"


def printable(text: str) -> str:
    """A text as it is.

    Raises:
        ValueError: it has a control character other than a tab or the end of a line, or half of a character.
    """
    for each in text:
        if category(each) in ("Cc", "Cs") and each not in _LAYOUT:
            raise ValueError(f"it has the control character {_code(each)}; write it without")
    return text


def person_name(text: str) -> str:
    """A name in the one form in which it is kept: Unicode's NFKC, a single space between words and none around them.

    Raises:
        ValueError: it has a control or format character, or another that nobody sees.
    """
    name = " ".join(normalize("NFKC", text).split())
    for each in name:
        if category(each) in ("Cc", "Cf", "Cs") or _UNSEEN.match(each):
            raise ValueError(f"it has {_code(each)}, which nobody sees; write it without")
    return name


def identity(name: str) -> str:
    """What two spellings of one person's name have in common."""
    return normalize("NFKC", " ".join(normalize("NFKC", name).split()).casefold())


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
