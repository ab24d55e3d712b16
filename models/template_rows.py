"""Which masked lines are one template: the decision for every position whether it holds a constant or a variable.

Drain3 merges whatever is alike enough, so "VM Started" and "VM Stopped" become one, and lines whose first word
varies never do. Here a *row* is one template: a key of tokens in which values stand as `<*>`. Lines with equal
keys share a row. Two rows that differ in one place alone become one as soon as that place turns out to be a
variable, and the evidence is the number of distinct values seen there:

- words of letters: many, because a state, an action or a component takes one of a few;
- codes (dotted names, capitals, names with marks in them): fewer;
- words with digits in them: very few, because what is numbered is one of several;
- anything, where another line has a masked value in that very place.

A place may also be a whole word of several tokens. Where nearly every line of one Drain3 cluster has words of
its own in the same places, all these places are variables together. What follows `key=` and what names an
account ("for user ...") is a variable from the start.

Rows only ever merge, they never split; the older id goes on and the younger becomes an alias. A decision looks
at nothing but the rows there are, so that it is the same whatever the batches and after any restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from models.settings import TemplateSettings
from models.template_keys import (
    Key,
    grouped_keys,
    hole_token,
    is_plain,
    key_of,
    said,
    wider_keys,
    with_hole,
    word_places,
)
from models.tokens import ANY, bare, same_value

_HOLE_SETS: Final = 32
"""Combinations of variable places remembered per number of tokens."""
_ALIASES: Final = 1024
"""Former ids that a row answers to."""
_CROWD: Final = 24
"""Rows of one Drain3 cluster from which places that differ in most of them are variables; looked at again
whenever as many more have come."""


@dataclass(slots=True, eq=False)
class Row:
    """One template. `shown` are its tokens for people, `holes` the places that turned out to be variables."""

    number: int
    template_id: str
    key: Key
    shown: list[str]
    cluster: int
    holes: frozenset[int] = frozenset()
    aliases: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # masked lines that are remembered to have this very key


class Rows:
    """The rows of one service, at most `max_templates`, least recently used out first.

    Parameters
    ----------
    settings : the limits
    name : the id of a row that begins with this key
    on_merge : called with the row that stays, the rows that went into it, and former ids that are forgotten
    on_forget : called with a row that fell out
    """

    def __init__(
        self,
        settings: TemplateSettings,
        name: Callable[[Key], str],
        on_merge: Callable[[Row, list[Row], list[str]], None],
        on_forget: Callable[[Row], None],
    ) -> None:
        self._settings = settings
        self._name, self._on_merge, self._on_forget = name, on_merge, on_forget
        self.next = 1
        self._fresh = ""  # the id of the row that began last: no line has it before `place` returns
        self.rows: OrderedDict[int, Row] = OrderedDict()  # the least recently used first
        self.touched: dict[
            int, None
        ] = {}  # numbers of rows that are new or shown in another way since it was emptied
        self.answers: dict[str, Row] = {}  # masked line -> row, as long as `place` would say so
        self.hole_sets: dict[
            int, list[tuple[int, ...]]
        ] = {}  # number of tokens -> places found variable together
        self._soft: list[str] = []  # lines of `answers` that have not the very key of their row
        self._by_key: dict[Key, Row] = {}
        self._seen: dict[
            tuple[Key, int], dict[str, Row]
        ] = {}  # key with a hole, where -> what stood there, in which row
        self._crowds: dict[int, set[int]] = {}  # Drain3's cluster -> rows that began in it

    def use(self, rows: Iterable[Row]) -> None:
        """Mark rows as used, the last one last."""
        for row in rows:
            self.rows.move_to_end(row.number)

    def remember(self, line: str, row: Row, *, exact: bool) -> None:
        """Remember that `place` gave `row` for the masked `line`."""
        if len(self.answers) >= self._settings.known_lines:
            self.answers.clear()
            self._soft.clear()
            for each in self.rows.values():
                each.lines.clear()
        self.answers[line] = row
        (row.lines if exact else self._soft).append(line)

    def place(self, tokens: Sequence[str], cluster: int) -> tuple[Row, bool]:
        """Return the row of a line given as tokens, made if need be, and whether it has the line's very key."""
        key = key_of(tokens)
        row = self._by_key.get(key)
        if row is not None:
            self._show_more(row, tokens)
            return row, True
        row = self._open_row(key)
        if row is not None:
            self._show_more(row, tokens)
            return row, False
        for wider, _, at in grouped_keys(key):
            row = self._by_key.get(wider)
            if row is not None and (at in row.holes or self._says_enough(wider)):
                self._show_any(row, at)
                return row, False
        row = self._begin(key, list(tokens), cluster, self._name(key))
        return row, row.key == key

    def restore(self, row: Row) -> None:
        """Put back a row as it was; in the order in which they were used."""
        self.rows[row.number] = row
        self._index(row)
        self._forget_oldest()

    # -- how rows begin, merge and go ------------------------------------------------------------------------------

    def _open_row(self, key: Key) -> Row | None:
        for places in self.hole_sets.get(len(key), ()):
            wider = key
            for at in places:
                wider = with_hole(wider, at)
            row = self._by_key.get(wider)
            if row is not None:
                return row
        return None

    def _says_enough(self, key: Key) -> bool:
        return said(key) >= self._settings.words_around_values

    def _begin(self, key: Key, shown: list[str], cluster: int, template_id: str) -> Row:
        row = Row(self.next, template_id, key, shown, cluster)
        self._fresh = template_id
        self.next += 1
        self.rows[row.number] = row
        self._forget_soft()
        others = self._index(row)
        self._forget_oldest()
        self.touched[row.number] = None
        return self._take_narrower(row) or self._look_for_variables(row, others)

    def _take_narrower(self, row: Row) -> Row | None:
        """Merge into `row` what has a word where `row` has a value."""
        if not self._says_enough(row.key):
            return None
        for at in [at for at, token in enumerate(row.key) if bare(token) == ANY]:
            if narrower := self._seen.get((row.key, at)):
                row = self._merge(row.key, (at,), narrower.values(), row)
        return None

    def _look_for_variables(self, row: Row, others: Sequence[tuple[Key, str, int]]) -> Row:
        for wider, _, at in others:
            values = self._seen.get((wider, at))
            if values is None:
                continue
            target = self._by_key.get(wider)
            if (target is not None and self._says_enough(wider)) or (
                len(values) > 1 and self._is_variable(wider, values)
            ):
                return self._merge(wider, (at,), values.values(), target)
        return self._look_at_crowd(row)

    def _is_variable(self, wider: Key, values: dict[str, Row]) -> bool:
        """Say whether so many distinct values at one place make it a variable."""
        if not said(wider):
            return False
        words = [bare(value) for value in values]
        numbered = sum("0" in word for word in words)
        if 2 * numbered > len(words):
            return len(words) >= self._settings.values_with_digits
        plain = sum(1 for word in words if is_plain(word))
        if 2 * plain > len(words):
            return len(words) >= self._settings.values_of_letters
        return len(words) >= self._settings.values_of_codes

    def _look_at_crowd(self, row: Row) -> Row:
        """Merge the rows of the cluster when most of them have words of their own in the same places."""
        if len(self._crowds.get(row.cluster, ())) % _CROWD:
            return row
        length = len(row.key)
        crowd = [self.rows[number] for number in sorted(self._crowds.get(row.cluster, ()))]
        crowd = [each for each in crowd if len(each.key) == length]
        if len(crowd) < _CROWD:
            return row
        wider = row.key
        places = [at for at in word_places(row.key) if 2 * len({each.key[at] for each in crowd}) > len(crowd)]
        for at in places:
            wider = with_hole(wider, at)
        fitting = [
            each
            for each in crowd
            if all(at in places or token == wider[at] for at, token in enumerate(each.key))
        ]
        if len(places) < 2 or 2 * len(fitting) <= len(crowd) or not self._says_enough(wider):
            return row
        return self._merge(wider, tuple(places), fitting, self._by_key.get(wider))

    def _merge(self, key: Key, places: tuple[int, ...], rows: Iterable[Row], target: Row | None) -> Row:
        """Make one row of `rows`, and of `target` if there is one of that key; its id is the oldest one's."""
        merged = sorted({each for each in rows if each is not target}, key=lambda each: each.number)
        oldest = min([*merged, target] if target else merged, key=lambda each: each.number)
        holes = frozenset(places).union(
            *(each.holes for each in merged if len(each.key) == len(key)), target.holes if target else ()
        )
        for each in merged:
            self._unindex(each)
            del self.rows[each.number]
        if target is not None:
            kept = target
            self.rows.move_to_end(kept.number)
        else:
            like = next((each for each in merged if len(each.key) == len(key)), None)
            kept = Row(
                oldest.number, oldest.template_id, key, list(like.shown if like else key), oldest.cluster
            )
            self.rows[kept.number] = kept
        kept.holes = holes
        self.touched[kept.number] = None
        for at in places:
            self._show_any(kept, at)
        for each in merged:
            if len(each.shown) == len(kept.shown):
                self._show_more(kept, each.shown)
        former = sorted({each.template_id for each in (*merged, kept)} - {oldest.template_id, self._fresh})
        aliases = list(dict.fromkeys(chain(kept.aliases, *(each.aliases for each in merged), former)))
        kept.template_id, kept.aliases = oldest.template_id, aliases[-_ALIASES:]
        if holes:
            sets = self.hole_sets.setdefault(len(key), [])
            if (places_of_all := tuple(sorted(holes))) not in sets:
                sets.append(places_of_all)
                del sets[:-_HOLE_SETS]
        self._forget_soft()
        self._on_merge(kept, merged, aliases[:-_ALIASES])
        if target is None:
            others = self._index(kept)
            return self._take_narrower(kept) or self._look_for_variables(kept, others)
        return kept

    def _index(self, row: Row) -> list[tuple[Key, str, int]]:
        self._by_key[row.key] = row
        self._crowds.setdefault(row.cluster, set()).add(row.number)
        others = list(wider_keys(row.key))
        for wider, value, at in others:
            self._seen.setdefault((wider, at), {})[value] = row
        return others

    def _unindex(self, row: Row) -> None:
        del self._by_key[row.key]
        crowd = self._crowds[row.cluster]
        crowd.discard(row.number)
        if not crowd:
            del self._crowds[row.cluster]
        for wider, value, at in wider_keys(row.key):
            values = self._seen.get((wider, at))
            if values is not None and values.get(value) is row:
                del values[value]
                if not values:
                    del self._seen[wider, at]
        for line in row.lines:
            self.answers.pop(line, None)

    def _forget_oldest(self) -> None:
        while len(self.rows) > self._settings.max_templates:
            _, row = self.rows.popitem(last=False)
            self._unindex(row)
            self._forget_soft()
            self._on_forget(row)

    def _forget_soft(self) -> None:
        for line in self._soft:
            self.answers.pop(line, None)
        self._soft.clear()

    def _show_more(self, row: Row, tokens: Sequence[str]) -> None:
        """Widen what is shown of a row so that it holds for these tokens too."""
        if len(row.shown) != len(tokens) or row.shown == tokens:
            return
        for at, (ours, theirs) in enumerate(zip(row.shown, tokens, strict=True)):
            if ours != theirs and not same_value(ours, theirs):
                self._show_any(row, at)

    def _show_any(self, row: Row, at: int) -> None:
        if bare(row.shown[at]) != ANY:
            row.shown[at] = hole_token(row.shown[at])
            self.touched[row.number] = None
