"""Check digits of numbers that carry them."""

from __future__ import annotations


def luhn_holds(text: str) -> bool:
    """Tell whether the digits of `text` pass the check of payment cards (ISO/IEC 7812-1); others are ignored.

    >>> luhn_holds("4111 1111 1111 1111"), luhn_holds("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(char) for char in text if "0" <= char <= "9"]
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban_holds(text: str) -> bool:
    """Tell whether `text`, spaces aside, has the check digits of an IBAN (ISO 13616).

    >>> iban_holds("GB82 WEST 1234 5698 7654 32"), iban_holds("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "")
    if not (15 <= len(plain) <= 34 and plain.isascii() and plain.isalnum()):
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
