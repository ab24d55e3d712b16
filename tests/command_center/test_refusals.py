"""Who can come as often as they like is refused with an entry, and cannot fill the audit trail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from center_rig import Rig, at


def told(rig: Rig) -> list[dict[str, object]]:
    entries: list[dict[str, Any]] = rig.audit("refused")
    return [entry["data"] for entry in entries]


def test_the_first_of_each_kind_is_entered_at_once_and_the_others_of_its_minute_are_counted(rig: Rig) -> None:
    for number in range(50):
        rig.clock.move(0.1)
        rig.center.refuse_unknown("slack-http", "forged_signature")
        if number % 2:
            rig.center.refuse_unknown("slack-http", "stale_timestamp")
    first = [
        {"cause": "slack-http", "reason": "forged_signature"},
        {"cause": "slack-http", "reason": "stale_timestamp"},
    ]
    assert told(rig) == first
    rig.center.tick(at(59.9))
    assert told(rig) == first
    rig.center.tick(at(60))
    rig.center.tick(at(61))
    minute = at(0).isoformat().replace("+00:00", "")
    sums = told(rig)[2:]
    assert [(each["reason"], each["more"]) for each in sums] == [
        ("forged_signature", 49),
        ("stale_timestamp", 24),
    ]
    assert all(str(each["minute"]).startswith(minute) for each in sums)


def test_a_new_minute_begins_with_an_entry_and_brings_the_number_of_the_last(rig: Rig) -> None:
    for _ in range(3):
        rig.center.refuse_unknown("slack-http", "forged_signature")
    rig.clock.move(60)
    rig.center.refuse_unknown("slack-http", "forged_signature")
    assert [each.get("more") for each in told(rig)] == [None, 2, None]
    rig.center.settle_refusals()
    assert len(told(rig)) == 3


def test_what_was_counted_is_entered_when_mayday_stops(rig: Rig) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: rig.center.refuse_unknown("slack-http", "forged_signature"), range(200)))
    rig.center.settle_refusals()
    rig.center.settle_refusals()
    assert [each.get("more") for each in told(rig)] == [None, 199]
