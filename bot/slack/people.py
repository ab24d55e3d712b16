"""Which operator is which Slack user, as `mayday slack setup` found it by e-mail.

Kept as ids in `operators.slack.json` of the state directory; addresses are not kept. An operator whose `slack` the
configuration names keeps that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from command_center.access.operators import Operator
from models.errors import BadInput

FILE = "operators.slack.json"
_MAPPING: TypeAdapter[dict[str, Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]]] = TypeAdapter(
    dict[str, Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]]
)


class BadMapping(BadInput):
    code = "slack_people"
    meaning = "The file that says which operator is which Slack user is not what the set-up wrote."
    remedy = "Delete it and run `mayday slack setup` again."


def read_people(root: Path) -> dict[str, str]:
    """Return operator id -> Slack user id; empty where the set-up has not run. Raises `BadMapping`."""
    try:
        return _MAPPING.validate_json((root / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError):
        raise BadMapping(f"{FILE} cannot be used", hint=BadMapping.remedy) from None


def keep_people(root: Path, people: Mapping[str, str]) -> None:
    """Write the mapping in one step, readable by its owner alone."""
    aside = root / f"{FILE}.new"
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(dict(people), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(root / FILE)


def with_people(operators: Iterable[Operator], people: Mapping[str, str]) -> tuple[Operator, ...]:
    """Return the operators with the Slack ids that were found; one that is named already is left alone.

    >>> from command_center.access.operators import Role
    >>> lead = Operator(id="lead", name="Technical lead", roles=(Role.TECHNICAL_LEAD,))
    >>> with_people([lead], {"lead": "U012"})[0].slack
    'U012'
    """
    operators = tuple(operators)
    taken = {operator.slack for operator in operators if operator.slack}
    return tuple(
        operator
        if operator.slack or people.get(operator.id) is None or people[operator.id] in taken
        else operator.model_copy(update={"slack": people[operator.id]})
        for operator in operators
    )
