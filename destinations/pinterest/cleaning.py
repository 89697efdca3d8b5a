"""What a reader sees of a text, and what programs write for no text: for every field alike.

A decomposed ``José`` looks like a composed one and hashes to another person; so does a name with a
zero-width space in it. ``clean`` makes such texts one. ``is_placeholder`` knows what stands for
nothing: JavaScript's ``undefined``, Python's ``None``, Go's ``<nil>``, Google's ``(not set)``.
"""

from __future__ import annotations

import re
import unicodedata

# Unicode's Default_Ignorable_Code_Point but the joiners, and the control characters that are no
# blanks; the marks that take text apart for annotations, and what is no character at all.
_IGNORABLE = (
    r"\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS = r"\u200c\u200d"
_OTHER_BLANKS = r"\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"
_UNUSUAL = re.compile(rf"[{_IGNORABLE}{_JOINERS}{_OTHER_BLANKS}]|  ")
_INVISIBLE = re.compile(f"[{_IGNORABLE}]+")
_JOINER_RUN = re.compile(f"[{_JOINERS}]+")
_BLANK_RUN = re.compile(f"[ {_OTHER_BLANKS}]+")

# Scripts whose words change with a joiner in them: Arabic to N'Ko, the Indic ones, Myanmar, Khmer,
# Mongolian, Balinese and its neighbours, the historic Indic ones; and emoji made of several.
_JOINED_SCRIPTS = (
    (0x0600, 0x08FF),
    (0x0900, 0x0DFF),
    (0x1000, 0x109F),
    (0x1780, 0x18AF),
    (0x1A20, 0x1CFF),
    (0xA800, 0xABFF),
    (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFC),
    (0x10A00, 0x11FFF),
)
_SYMBOLS = ((0x2190, 0x2BFF), (0x1F000, 0x1FAFF))
_VIRAMA = 9


def well_formed(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, and split pairs joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean(text: str) -> str:
    """The text as a reader sees it: NFC, nothing invisible, each run of blanks one, trimmed.

    Joiners stay within words of scripts that need them (Persian, Hindi, emoji). Never longer in
    meaning, and the same when done twice.
    """
    if text.isascii() and text.isprintable():
        if " " not in text:
            return text
        return " ".join(text.split()) if "  " in text else text.strip()
    if not _UNUSUAL.search(text):
        text = text.strip()
        try:
            if text.isascii() or (unicodedata.is_normalized("NFC", text) and text.encode()):
                return text
        except UnicodeEncodeError:
            pass
    text = _INVISIBLE.sub("", well_formed(text))
    text = _BLANK_RUN.sub(" ", _JOINER_RUN.sub(_needed_joiner, text)).strip()
    return unicodedata.normalize("NFC", text)


def _needed_joiner(joiners: re.Match[str]) -> str:
    """The first of a run of joiners where it changes what a reader sees, else nothing."""
    text, start, end = joiners.string, joiners.start(), joiners.end()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    if not before:
        return ""
    # Malayalam writes its chillu letters with a joiner behind the virama, at the end of a word.
    is_chillu = joiners[0][0] == "\u200d" and unicodedata.combining(before) == _VIRAMA
    is_needed = is_chillu or any(
        _is_within(before, scripts) and after and _is_within(after, scripts)
        for scripts in (_JOINED_SCRIPTS, _SYMBOLS)
    )
    return joiners[0][0] if is_needed else ""


def _is_within(sign: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(sign) <= last for first, last in ranges)


_WORDS = "undefined null none nil nan n/a unknown"
_PHRASES = (
    *("not set", "not_set", "notset", "not available", "not provided", "not applicable", "empty"),
    *("n.a.", "n.a", "object object", "object", "object null", "object undefined"),
)
# Bare, these are words that somebody may mean.
_ONLY_IN_BRACKETS = frozenset({"empty", "object", "object object", "not available"})
_BRACKETS = ("()", "<>", "[]", "{}", '""', "''", "``")
_SIGNS = ("-", "--", "---", "_", ".", "..", "...", "\u2013", "\u2014", "\u2026")
_OTHER = (
    *("nsnull", "optional(nil)", "undefined undefined", "null null", "none none", "nan nan"),
    *("#n/a", "#n/d", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!", "\\n"),
)

PLACEHOLDERS: frozenset[str] = frozenset(
    {
        *(
            f"{brackets[0]}{words}{brackets[1]}"
            for words in (*_WORDS.split(), *_PHRASES, "")
            for brackets in _BRACKETS
        ),
        *(words for words in (*_WORDS.split(), *_PHRASES) if words not in _ONLY_IN_BRACKETS),
        *_SIGNS,
        *_OTHER,
    }
)
"""What stands for nothing, case-folded."""

LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))


def is_placeholder(text: str) -> bool:
    """Whether a clean text is what a program or a form writes for no value."""
    return len(text) <= LONGEST_PLACEHOLDER and text.casefold() in PLACEHOLDERS
