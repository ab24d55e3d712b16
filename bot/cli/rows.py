"""Rows of an answer as text: nothing is ever cut. Where output goes to no terminal, every line is as wide as it needs;
on a terminal a table that does not fit has its one long column wrapped, or else each row as a block of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP: Final = 2  # columns between two cells
PROSE: Final = 24  # columns that a wrapped cell gets at least
PADDED: Final = (
    40  # columns up to which the cells of a column line up where lines have no end; longer ones push the rest
)
MOST_LINES: Final = 10  # of a wrapped cell in a table


def natural_widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that each cell of a column and its name fit into.

    >>> natural_widths(["id", "title"], [["INC-10", "disk"]])
    [6, 5]
    """
    return [max(cell_len(one_line(row[at])) for row in (names, *rows)) for at in range(len(names))]


def one_line(cell: str) -> str:
    r"""Return a cell with its control characters, line ends first of all, as escapes.

    >>> print(one_line("two\nlines"))
    two\nlines
    """
    return cell if cell.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cell)


def show_rows(out: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of one text per name."""
    widths = natural_widths(names, rows)
    if not out.is_terminal:
        widths = [min(width, PADDED) for width in widths]
    total = sum(widths) + GAP * (len(widths) - 1)
    if not out.is_terminal or total <= out.width:
        _lines(out, widths, names, rows)
        return
    longest = max(range(len(widths)), key=widths.__getitem__)
    left = out.width - (total - widths[longest])
    if left < PROSE or widths[longest] > MOST_LINES * left:
        _blocks(out, names, rows)
        return
    widths[longest] = left
    out.print(wrapping(names, widths, rows))


def show_list(
    out: Console,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: Collection[str],
    prose: tuple[str, str],
) -> None:
    """Print rows of which a terminal too narrow for them breaks those named `words` between words alone (a time after its
    date), and gives the two of `prose` what is left, the second the larger part. Nothing else breaks.
    """
    widths = natural_widths(names, rows)
    gaps = GAP * (len(widths) - 1)
    if not out.is_terminal or sum(widths) + gaps <= out.width:
        show_rows(out, names, rows)
        return
    for at, name in enumerate(names):
        if name in words:
            widths[at] = max(cell_len(word) for row in (names, *rows) for word in row[at].split())
    first, second = map(names.index, prose)
    left = out.width - (sum(widths) + gaps - widths[first] - widths[second])
    if left < PROSE:
        _blocks(out, names, rows)
        return
    widths[first] = min(widths[first], left // 2)
    widths[second] = min(widths[second], left - widths[first])
    out.print(wrapping(names, widths, rows))


def wrapping(names: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table whose cells wrap within these widths. The console has to be wide enough for their sum and gaps."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name, width in zip(names, widths, strict=True):
        table.add_column(Text(name), width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _lines(out: Console, widths: Sequence[int], names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate((names, *rows)):
        cells = [one_line(cell) for cell in row]
        padded = [
            cell + " " * max(0, width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
        ]
        line = Text((" " * GAP).join(padded).rstrip(), style="" if number else "bold")
        out.print(line, soft_wrap=True)


def _blocks(out: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    column = max(map(cell_len, names))
    for number, row in enumerate(rows, 1):
        out.print(Text(f"row {number}", style="bold"))
        fields = Table.grid(padding=(0, GAP, 0, 0))
        fields.add_column(style="dim", width=column, no_wrap=True)
        fields.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            fields.add_row(Text(name), Text(cell))
        out.print(Padding(fields, (0, 0, 0, GAP)))
