"""What every detector promises, as checks that run over any of them.

A new detector is tested by `check_detector(make, observations)`: `make` returns a fresh one, `observations`
is a stream it may be given, in order. Each check states one promise and raises `BrokenPromise` that names
it.
"""

from __future__ import annotations

import ast
import inspect
import pickle
import random
from collections.abc import Callable, Iterator, Sequence

from models.detectors.base import Detector, ExplainingDetector, Features
from models.errors import MaydayError

Check = Callable[[Callable[[], Detector], Sequence[Features]], None]
_FOREIGN = frozenset(
    {
        "time",
        "datetime",
        "random",
        "secrets",
        "uuid",
        "os",
        "io",
        "pathlib",
        "socket",
        "subprocess",
        "threading",
    }
)
_STATE_BYTES = 256 * 1024


class BrokenPromise(MaydayError):
    """A model does not keep the contract of models."""

    code = "broken_promise"
    meaning = "A model breaks the contract that all models keep (models/checks.py)."
    remedy = "Mend the model: the sentence says which promise it breaks."


def check_detector(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """Run every check; raises `BrokenPromise`."""
    for check in yield_checks():
        check(make, observations)


def yield_checks() -> Iterator[Check]:
    """Yield the checks, cheap ones first."""
    yield scores_lie_between_zero_and_one
    yield scoring_changes_nothing
    yield equal_input_gives_equal_state
    yield pickling_keeps_the_state
    yield a_clone_knows_nothing_and_has_the_parameters
    yield memory_is_bounded
    yield a_flag_comes_with_its_reasons
    yield there_is_no_clock_no_randomness_and_no_io


def scores_lie_between_zero_and_one(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """From the first observation on, before and after learning."""
    detector = make()
    for x in observations:
        if not 0 <= detector.score_one(x) <= 1:
            raise BrokenPromise(f"{detector} scores outside 0..1")
        detector.learn_one(x)
    if not 0 < detector.threshold < 1:
        raise BrokenPromise(f"the threshold of {detector} is outside 0..1")


def scoring_changes_nothing(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """Neither the state nor what it was given."""
    detector = make()
    for x in observations[:200]:
        before, given = pickle.dumps(detector), dict(x)
        scores = {detector.score_one(x) for _ in range(3)}
        if pickle.dumps(detector) != before or dict(x) != given or len(scores) != 1:
            raise BrokenPromise(f"scoring changes {detector}")
        detector.learn_one(x)


def equal_input_gives_equal_state(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """Whatever the state of the process's random numbers."""
    states = set()
    for seed in (1, 2):
        random.seed(seed)
        states.add(pickle.dumps(_learnt(make(), observations)))
    if len(states) != 1:
        raise BrokenPromise(f"{make()} is not the same after the same stream")


def pickling_keeps_the_state(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """A model that was stopped and started goes on as if it had not been."""
    half = len(observations) // 2
    straight = _learnt(make(), observations[:half])
    stopped = pickle.loads(pickle.dumps(straight))  # noqa: S301 - our own bytes
    for x in observations[half:]:
        if straight.score_one(x) != stopped.score_one(x):
            raise BrokenPromise(f"{straight} scores differently after it was pickled")
        straight.learn_one(x)
        stopped.learn_one(x)


def a_clone_knows_nothing_and_has_the_parameters(
    make: Callable[[], Detector], observations: Sequence[Features]
) -> None:
    """As River has it."""
    learnt = _learnt(make(), observations)
    clone = learnt.clone()
    if pickle.dumps(clone) != pickle.dumps(make()):
        raise BrokenPromise(f"a clone of {learnt} is not a new one with its parameters")


def memory_is_bounded(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """A stream ten times as long leaves a state of about the same size, well below a megabyte."""
    detector = _learnt(make(), observations)
    once = len(pickle.dumps(detector))
    for _ in range(9):
        _learnt(detector, observations)
    size = len(pickle.dumps(detector))
    if size > _STATE_BYTES or size > 1.5 * once + 1024:
        raise BrokenPromise(f"the state of {detector} grew from {once} to {size} bytes")


def a_flag_comes_with_its_reasons(make: Callable[[], Detector], observations: Sequence[Features]) -> None:
    """A detector that explains gives reasons that make its score, and names events in each of them."""
    detector = make()
    if not isinstance(detector, ExplainingDetector):
        return
    for x in observations[:2000]:
        reasons = detector.reasons(x)
        if detector.score_one(x) != max((reason.score for reason in reasons), default=0.0):
            raise BrokenPromise(f"the reasons of {detector} do not make its score")
        if not all(reason.kind and reason.events and 0 <= reason.score <= 1 for reason in reasons):
            raise BrokenPromise(f"{detector} gives a reason without events")
        detector.learn_one(x)


def there_is_no_clock_no_randomness_and_no_io(
    make: Callable[[], Detector], observations: Sequence[Features]
) -> None:
    """The module of the model imports nothing that could bring them in, and opens nothing."""
    del observations  # this promise is read in the source
    kind = type(make())
    module = inspect.getmodule(kind)
    if module is None:
        raise BrokenPromise(f"{kind.__name__} has no module whose source could be read")
    names: list[str] = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            names.append("io")
    if foreign := {name.split(".")[0] for name in names} & _FOREIGN:
        raise BrokenPromise(f"{kind.__name__} reaches for {', '.join(sorted(foreign))}")


def _learnt(detector: Detector, observations: Sequence[Features]) -> Detector:
    for x in observations:
        detector.learn_one(x)
    return detector
