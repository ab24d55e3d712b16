"""Data about persons in places where it must not be. All persons are made up (see `texts.py`)."""

from __future__ import annotations

from benchmarks.days.faults import APPS, Fault, Say

FAULTS = (
    Fault(
        "search terms with names in the access log",
        "exposed",
        ("edge",),
        change=("deploy", ""),
        often=0.9,
        says=(Say("INFO", "GET /find?{person}={forename}+{surname}&dob={born} 200 {n} ms", 0.2),),
    ),
    Fault(
        "whole record printed by a debug line",
        "exposed",
        APPS,
        change=("deploy", ""),
        often=0.9,
        says=(
            Say(
                "DEBUG",
                "dump: {{person}Id={mrn}, name='{forename} {surname}', birthDate={born}, ssn={ssn}}",
                0.15,
            ),
        ),
    ),
    Fault(
        "social security numbers in a validation message",
        "exposed",
        APPS,
        change=("deploy", "stricter validation"),
        often=0.9,
        says=(Say("WARN", "value '{ssn}' of field ssn failed checksum for {forename} {surname}", 0.12),),
    ),
    Fault(
        "mail addresses and phone numbers in a sender's log",
        "exposed",
        ("worker", "app"),
        change=("flag", "verbose delivery log"),
        often=0.8,
        says=(Say("INFO", "notice handed to {mail}, fallback {phone}", 0.25),),
    ),
    Fault(
        "statements with their values",
        "exposed",
        ("postgres", "mysql"),
        change=("config", "statement logging"),
        often=1.0,
        says=(
            Say(
                "INFO",
                "statement: UPDATE {person}s SET name='{surname}, {forename}', born='{born}' WHERE mrn='{mrn}'",
                0.25,
            ),
        ),
    ),
    Fault(
        "record numbers in error texts",
        "exposed",
        APPS,
        change=("deploy", ""),
        often=0.7,
        says=(Say("ERROR", "no allergies on file for {surname}, {forename} ({mrn})", 0.1),),
    ),
    Fault(
        "diagnosis in a notification title",
        "exposed",
        ("app", "worker"),
        change=("deploy", "templates"),
        often=0.8,
        says=(
            Say(
                "INFO",
                "queued push 'Dear {forename} {surname}, your result of {born} is ready' for {user}",
                0.2,
            ),
        ),
    ),
)
