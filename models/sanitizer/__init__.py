"""The one gate between what logs and people say and everything that is stored, shown or sent."""

from models.sanitizer.safe_text import SafeText, phrase

__all__ = ["SafeText", "phrase"]
