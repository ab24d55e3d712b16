"""Judge a text word by word: what is not approved becomes a placeholder.

This is the default-deny pass. It runs last, when contexts and numbers are settled, and knows only two
answers: a token is approved, or it is masked. A token is a run of anything but spaces and ASCII
punctuation, so a letter of another script, an accent or an emoji inside a word makes the whole token
unknown. `snake_case` and `camelCase` are approved when each part is.

A *doubtful* word (approved, and a name as well) is masked if it is capitalised beside something unknown,
follows a word for a person, stands capitalised beside another doubtful word, or is joined to one
(`long.page`).

>>> judge = Judge(Vocabulary.base())
>>> judge("Long Zorblax lost the connectionPool of user_accounts, \\u0430dmin quit")
'<WORD> <WORD> lost the connectionPool of user_accounts, <WORD> quit'
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from models.sanitizer.vocabulary import Vocabulary

MARKS: Final = "\ue000-\uf8ff"
"""Character range of the private marks that stand for text already admitted."""

_TOKEN = re.compile(rf"[^\s!-/:-@\[-^`{{-~{MARKS}]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_TAILS = frozenset(("s", "t", "re", "ve", "ll", "d", "m"))
_PERSON_WORDS = """
patient pt member guarantor subscriber mother father wife husband spouse son daughter child physician nurse
clinician employee resident caller customer person attending guardian sister brother contact operator named
dear called by user
"""
_PERSONS = frozenset(_PERSON_WORDS.split())
_NEAR = re.compile(r"[ ,.;^|/*_'\"\\-]{1,4}")  # what stands between the parts of a name
_JOINED = frozenset((".", "-", "_"))


class Verdict(IntEnum):
    """What is known of one token."""

    APPROVED = 0
    DOUBTFUL = 1
    DENIED = 2


class Judge:
    """The default-deny pass over one vocabulary; holds nothing of the texts it sees."""

    __slots__ = ("_vocabulary",)

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __call__(self, text: str, denied_marks: frozenset[str] = frozenset()) -> str:
        """Return `text` with every token masked that is not approved.

        `denied_marks` are the private marks in it that stand for an unknown word or a name.
        """
        gaps: list[str] = []
        tokens: list[str] = []
        verdicts: list[Verdict] = []
        end = 0
        for found in _TOKEN.finditer(text):
            token, gap = found[0], text[end : found.start()]
            if token in _TAILS and gap == "'" and verdicts and verdicts[-1] is not Verdict.DENIED:
                shown, verdict = token, Verdict.APPROVED
            else:
                shown, verdict = self._token(token)
            gaps.append(gap)
            tokens.append(shown)
            verdicts.append(verdict)
            end = found.end()
        if Verdict.DOUBTFUL in verdicts:
            self._settle_doubts(tokens, gaps, verdicts, text[end:], denied_marks)
        return "".join(part for pair in zip(gaps, tokens, strict=True) for part in pair) + text[end:]

    def _token(self, token: str) -> tuple[str, Verdict]:
        """Return what may be shown of one token."""
        vocabulary = self._vocabulary
        if vocabulary.approves(token):
            return token, Verdict.DOUBTFUL if vocabulary.doubts(token) else Verdict.APPROVED
        if not token.isascii():
            return "<WORD>", Verdict.DENIED
        digits = False
        doubts: list[bool] = []
        pieces = token.split("_")
        for index, piece in enumerate(pieces):
            if piece.isdigit():
                pieces[index] = "<NUM>"
                digits = True
            elif piece and not self._piece(piece, doubts):
                return ("<ID>" if any(char.isdigit() for char in token) else "<WORD>"), Verdict.DENIED
        if len(doubts) > 1 and all(doubts):
            return "<WORD>", Verdict.DENIED
        if digits and not doubts:
            return "<NUM>", Verdict.APPROVED
        return "_".join(pieces), Verdict.APPROVED

    def _piece(self, piece: str, doubts: list[bool]) -> bool:
        """Tell whether one part of a `snake_case` token is approved; note which of its words are doubtful."""
        vocabulary = self._vocabulary
        if vocabulary.approves(piece):
            doubts.append(vocabulary.doubts(piece))
            return True
        words = _CAMEL.findall(piece)
        if len(words) < 2 or sum(map(len, words)) != len(piece) or not all(map(vocabulary.approves, words)):
            return False
        doubts.extend(map(vocabulary.doubts, words))
        return True

    @staticmethod
    def _settle_doubts(
        tokens: list[str], gaps: list[str], verdicts: list[Verdict], rest: str, denied_marks: frozenset[str]
    ) -> None:
        """Mask the doubtful words that stand where a name would; in place."""
        count = len(tokens)
        after = [*gaps[1:], rest]
        capital = [token[0].isupper() for token in tokens]

        def suspicious(index: int) -> bool:
            before = gaps[index].rstrip(" ")[-1:]
            if capital[index] and (before in denied_marks or after[index].lstrip(" ")[:1] in denied_marks):
                return True
            if index and _NEAR.fullmatch(gaps[index]):
                if capital[index] and tokens[index - 1].lower() in _PERSONS:
                    return True
                if beside(index, index - 1, gaps[index]):
                    return True
            follows = index + 1 < count and _NEAR.fullmatch(after[index])
            return bool(follows) and beside(index, index + 1, after[index])

        def beside(index: int, other: int, gap: str) -> bool:
            if verdicts[other] is Verdict.DENIED:
                return capital[index] or gap in _JOINED
            if verdicts[other] is not Verdict.DOUBTFUL:
                return False
            return gap in _JOINED or (capital[index] and capital[other] and not tokens[index].isupper())

        changed = True
        while changed:  # each round masks at least one more token, and a masked one is never looked at again
            found = [i for i in range(count) if verdicts[i] is Verdict.DOUBTFUL and suspicious(i)]
            for index in found:
                tokens[index], verdicts[index] = "<WORD>", Verdict.DENIED
            changed = bool(found)
