"""A small vocabulary of checks for JSON, with Slack's wording and JSON pointers.

A `Check` looks at one value and appends a sentence per fault; it never raises. Lengths are in characters.

>>> faults: list[str] = []
>>> array(string(3), most=2)(["ok", "long"], "/names", faults)
>>> faults
['must be less than 4 characters [json-pointer:/names/1]']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Check = Callable[[object, str, list[str]], None]


def fault(sentence: str, pointer: str) -> str:
    return f"{sentence} [json-pointer:{pointer or '/'}]"


def string(most: int, least: int = 1) -> Check:
    """Text of `least` to `most` characters."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        if not isinstance(value, str):
            faults.append(fault("must be a string", pointer))
        elif len(value) < least:
            faults.append(fault(f"must be more than {least - 1} characters", pointer))
        elif len(value) > most:
            faults.append(fault(f"must be less than {most + 1} characters", pointer))

    return check


def one_of(*words: str) -> Check:
    def check(value: object, pointer: str, faults: list[str]) -> None:
        if value not in words:
            faults.append(fault("must be one of: " + ", ".join(words), pointer))

    return check


def boolean(value: object, pointer: str, faults: list[str]) -> None:
    if not isinstance(value, bool):
        faults.append(fault("must be a boolean", pointer))


def whole(least: int, most: int) -> Check:
    """A whole number from `least` to `most`."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            faults.append(fault("must be an integer", pointer))
        elif not least <= value <= most:
            faults.append(fault(f"must be between {least} and {most}", pointer))

    return check


def anything(value: object, pointer: str, faults: list[str]) -> None:
    """Accept every value: the part is stored and shown, not judged."""


def array(item: Check, most: int, least: int = 1) -> Check:
    """A list of `least` to `most` items, each checked."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        if not isinstance(value, list):
            faults.append(fault("must be an array", pointer))
            return
        if len(value) > most:
            faults.append(fault(f"no more than {most} items allowed", pointer))
        elif len(value) < least:
            faults.append(fault(f"no less than {least} items allowed", pointer))
        for index, part in enumerate(value[:most]):
            item(part, f"{pointer}/{index}", faults)

    return check


def record(fields: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with these fields and no others."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        if not isinstance(value, dict):
            faults.append(fault("must be an object", pointer))
            return
        faults.extend(
            fault(f"missing required field: {name}", pointer) for name in required if name not in value
        )
        for name, part in value.items():
            if (rule := fields.get(name)) is None:
                faults.append(fault(f"invalid additional property: {name}", pointer))
            else:
                rule(part, f"{pointer}/{name}", faults)

    return check


def tagged(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which check it must pass."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        if not isinstance(value, dict):
            faults.append(fault("must be an object", pointer))
        elif "type" not in value:
            faults.append(fault("missing required field: type", pointer))
        elif (rule := kinds.get(str(value["type"]))) is None:
            faults.append(fault(f"unsupported type: {str(value['type'])[:40]}", f"{pointer}/type"))
        else:
            rule(value, pointer, faults)

    return check


def both(*checks: Check) -> Check:
    """All of several checks."""

    def check(value: object, pointer: str, faults: list[str]) -> None:
        for each in checks:
            each(value, pointer, faults)

    return check
