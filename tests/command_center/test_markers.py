"""Change markers are facts: recorded once, found by time, from people and pipelines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from center_rig import GATE, LEAD, PIPELINE, START, Rig, at

from command_center.actions import RecordChange
from command_center.changes import markers
from models.sanitizer.safe_text import stored
from storage.records import ChangeMarker, ChangeMarkerKind


def change(
    name: str | None, seconds: float | None = 0, *, version: str = "3.8.0", service: str = "billing"
) -> RecordChange:
    return RecordChange(
        change_id=None if name is None else stored(name),
        service=GATE.name(service),
        kind=ChangeMarkerKind.DEPLOY,
        version=GATE.text(version),
        at=None if seconds is None else at(seconds),
    )


def recorded(rig: Rig) -> list[ChangeMarker]:
    return rig.db.read(lambda reader: reader.rows(ChangeMarker, "true ORDER BY ts, id"))


def test_a_repeated_call_records_once_and_the_first_record_stands(rig: Rig) -> None:
    first = rig.center.perform(change("build-812"), PIPELINE, cause="webhook")
    again = rig.center.perform(change("build-812", 60, version="3.9.0"), PIPELINE, cause="webhook")
    assert first.ok
    assert again.ok
    assert again.reasons == ("already_done",)
    assert again.marker == first.marker
    (marker,) = recorded(rig)
    assert (marker.id, marker.version, marker.at, marker.recorded_by) == (
        "build-812",
        "3.8.0",
        START,
        "pipeline",
    )
    assert len(rig.audit("change.record")) == 1


def test_the_same_call_from_many_at_once_records_once(rig: Rig) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda _: rig.center.perform(change("build-1"), PIPELINE, cause="webhook"), range(16))
        )
    assert sum("already_done" not in outcome.reasons for outcome in outcomes) == 1
    assert len(recorded(rig)) == len(rig.audit("change.record")) == 1


def test_without_an_id_each_call_is_a_change_of_its_own_at_the_time_it_came(rig: Rig) -> None:
    for _ in range(2):
        rig.center.perform(change(None, None), LEAD, cause="cli")
    assert [(each.id, each.at) for each in recorded(rig)] == [("MRK-1", START), ("MRK-2", START)]


def test_an_id_of_our_own_never_meets_one_that_a_pipeline_chose(rig: Rig) -> None:
    rig.center.perform(change("MRK-1"), PIPELINE, cause="webhook")
    rig.center.perform(change(None), LEAD, cause="cli")
    assert [each.id for each in recorded(rig)] == ["MRK-1", "MRK-2"]


def test_a_change_far_in_the_future_is_refused_in_one_sentence(rig: Rig) -> None:
    outcome = rig.center.perform(change("build-1", 301), PIPELINE, cause="webhook")
    assert (outcome.ok, outcome.reasons) == (False, ("in_the_future",))
    assert recorded(rig) == []
    assert rig.center.perform(change("build-1", 299), PIPELINE, cause="webhook").ok


def test_markers_are_found_by_time_and_service_with_both_ends(rig: Rig) -> None:
    for name, seconds, service in (("a", -100, "billing"), ("b", -50, "auth"), ("c", 0, "billing")):
        rig.center.perform(change(name, seconds, service=service), PIPELINE, cause="cli")

    def found(since: float, until: float, services: list[str] | None = None) -> list[str]:
        return [
            each.id
            for each in rig.db.read(lambda reader: markers.between(reader, at(since), at(until), services))
        ]

    assert found(-100, 0) == ["a", "b", "c"]
    assert found(-99, -1) == ["b"]
    assert found(-100, 0, ["billing"]) == ["a", "c"]
    assert found(1, 2) == []
