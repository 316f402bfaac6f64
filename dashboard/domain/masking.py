"""Masking of what tells who somebody is, within text that people type freely.

Names, telephones and addresses have fields of their own, which are sealed; a number that somebody typed into a title or a
note must not get into events either.
"""

import re

_DIGIT = "[0-9０-９]"
_GAP = "[ \u00a0\u3000\\-–—.]?"
# Mobile numbers: eleven digits from 13 to 19, often written 138 1234 5678, with or without +86.
_MOBILE = re.compile(
    rf"(?<!{_DIGIT})((?:(?:\+|00|＋)?86{_GAP})?[1１][3-9３-９]{_DIGIT}){_GAP}{_DIGIT}{{4}}{_GAP}({_DIGIT}{{4}})(?!{_DIGIT})"
)
# Resident identity numbers: eighteen characters, the last may be X.
_IDENTITY = re.compile(
    rf"(?<![0-9０-９A-Za-z])({_DIGIT}{{3}}){_DIGIT}{{3}}{_GAP}{_DIGIT}{{8}}{_GAP}({_DIGIT}{{3}}[0-9０-９XxＸｘ])(?![0-9０-９A-Za-z])"
)


def mask_text(text: str) -> str:
    """Mask mobile numbers and 18-character identity numbers within free text; the first 3 and last 4 characters stay."""
    text = _IDENTITY.sub(lambda m: f"{m[1]}{'*' * 11}{m[2]}", text)
    return _MOBILE.sub(lambda m: f"{m[1]}****{m[2]}", text)
