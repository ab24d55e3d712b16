"""Ways to fail by category, and harmless events by kind: the categories are those of the product's incidents."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.days.catalog import (
    application_error,
    authentication,
    benign,
    certificate,
    clock,
    configuration,
    crash_loop,
    dependency_timeout,
    flapping,
    network,
    privacy,
    resource_exhaustion,
    retry_storm,
    security,
    silence,
)
from benchmarks.days.faults import Fault

CATEGORIES: Mapping[str, tuple[Fault, ...]] = {
    "application_error": application_error.FAULTS,
    "authentication": authentication.FAULTS,
    "certificate": certificate.FAULTS,
    "clock": clock.FAULTS,
    "configuration": configuration.FAULTS,
    "crash_loop": crash_loop.FAULTS,
    "dependency_timeout": dependency_timeout.FAULTS,
    "flapping": flapping.FAULTS,
    "network": network.FAULTS,
    "privacy": privacy.FAULTS,
    "resource_exhaustion": resource_exhaustion.FAULTS,
    "retry_storm": retry_storm.FAULTS,
    "security": security.FAULTS,
    "silence": silence.FAULTS,
}
BENIGN: Mapping[str, tuple[Fault, ...]] = {
    "benign_load": benign.LOAD,
    "benign_burst": benign.BURST,
    "benign_novelty": benign.NOVELTY,
}
