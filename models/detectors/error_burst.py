"""More errors in a window than this service ever has."""

from __future__ import annotations

import math

from river import stats, utils

from models.detectors.base import Detector, Features, against


class ErrorBurst(Detector):
    """Score how improbable a number of error lines is, given the windows seen so far.

    A number of errors per slot is taken as Poisson with an unknown rate, so what is expected of the next
    slots is negative binomial (Gamma prior of one error in one slot; Gelman et al., Bayesian Data Analysis,
    2.6). The surprise s is -ln of the chance of at least that many errors, divided by the dispersion
    (variance over mean, where that is above 1: errors come in clusters). The score is s / (s + ln(1 /
    false_alarms)), so 0.5 is where a usual window is that extreme once in 1 / `false_alarms` windows.
    Nothing is tuned: a service that logs three errors a second needs more for a burst than one that never
    did, and one that was just met needs more than one that is known.

    A service seen for an hour without errors: `least_errors` are enough. One of which nothing is known: 20
    errors within one slot, and at least half of its lines; so a service that starts with some harmless
    errors is learnt, and one that starts by failing is reported.

    Learns slow drifts and is blind to what grows slower than its memory. Feed it with slots that were not
    flagged: an outage is not usual. O(1) time and memory (a rolling window of `memory` numbers, River's).

    `x` has `errors` and `lines` of a window and its length in `slots`; only windows of one slot can be
    learnt.

    Examples
    --------
    >>> detector = ErrorBurst()
    >>> for n in [0, 1, 0, 0, 2, 0, 0, 0] * 5:
    ...     detector.learn_one({"errors": n, "lines": 50, "slots": 1})
    >>> [round(detector.score_one({"errors": n, "lines": 50, "slots": 1}), 2) for n in (2, 5, 8, 40)]
    [0.0, 0.34, 0.48, 0.87]
    """

    SURE_AFTER = 2
    """Slots after which the share of errors among the lines is no longer asked for."""

    def __init__(self, memory: int = 360, false_alarms: float = 1e-6, least_errors: int = 5) -> None:
        self.memory = memory
        self.false_alarms = false_alarms
        self.least_errors = least_errors
        self._slots = utils.Rolling(stats.Var, window_size=memory)

    @property
    def seen(self) -> int:
        """Number of slots that are remembered."""
        return int(self._slots.obj.mean.n)

    def usual(self, slots: int = 1) -> float:
        """Return the usual number of errors in a window of `slots`."""
        return max(0.0, float(self._slots.obj.mean.get())) * slots

    def score_one(self, x: Features) -> float:
        errors, slots = x["errors"], x["slots"]
        if errors < self.least_errors or (self.seen < self.SURE_AFTER and 2 * errors < x["lines"]):
            return 0.0
        mean = self.usual()
        shape, rate = 1 + mean * self.seen, 1.0 + self.seen
        if errors <= shape / rate * slots:
            return 0.0
        dispersion = max(1.0, self._slots.obj.get() / mean) if mean > 0 and self.seen > 1 else 1.0
        return against(_surprise(errors, slots, shape, rate) / dispersion, -math.log(self.false_alarms))

    def learn_one(self, x: Features) -> None:
        if x["slots"] != 1:
            raise ValueError("only windows of one slot can be learnt")
        self._slots.update(float(x["errors"]))


def _surprise(n: float, slots: float, shape: float, rate: float) -> float:
    """Return -ln P(N >= n) of a negative binomial above its mean, from its first term and a geometric
    bound."""
    q = slots / (rate + slots)
    first = (
        math.lgamma(n + shape)
        - math.lgamma(shape)
        - math.lgamma(n + 1)
        + shape * math.log1p(-q)
        + n * math.log(q)
    )
    ratio = (n + shape) / (n + 1) * q  # of the next term to the first; terms go on falling above the mean
    return max(0.0, -first + math.log1p(-min(ratio, 1 - 1e-9)))
