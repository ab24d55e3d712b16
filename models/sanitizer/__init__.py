"""The one gate between what logs and people say and everything that is stored, shown or sent."""

from models.sanitizer.gate import Gate
from models.sanitizer.guard import guarded
from models.sanitizer.safe_text import SafeText, phrase
from models.sanitizer.vocabulary import Vocabulary

__all__ = ["Gate", "SafeText", "Vocabulary", "guarded", "phrase"]
