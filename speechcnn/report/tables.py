"""Tables of text, and how they look in a terminal and in Markdown; the report page draws them as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows under a header; numbers are given as text and set flush right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def flush_right(table: Table) -> list[bool]:
    """Whether each column holds numbers only."""
    return [all(_numeric(row[column]) for row in table.rows) for column in range(len(table.header))]


def as_text(table: Table) -> str:
    """The table for a terminal: title, header, aligned rows, note.

    >>> print(as_text(Table("Errors", ("phone", "n"), [("aa", "7"), ("sil", "12")])), end="")
    Errors
    phone   n
    aa      7
    sil    12
    """
    right = flush_right(table)
    lines = [table.header, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    body = ["  ".join(_padded(line, widths, right)).rstrip() for line in lines]
    return "\n".join([table.title, *body, *filter(None, [table.note])]) + "\n"


def as_markdown(table: Table) -> str:
    r"""The table in Markdown, its title as a heading of the second level.

    >>> print(as_markdown(Table("Errors", ("phone", "n"), [("a|b", "7")])), end="")
    ## Errors
    <BLANKLINE>
    | phone | n |
    |---|--:|
    | a\|b | 7 |
    """
    rule = "|".join("--:" if right else "---" for right in flush_right(table))
    rows = [_markdown_row(table.header), f"|{rule}|", *map(_markdown_row, table.rows)]
    note = ["", table.note] if table.note else []
    return "\n".join([f"## {table.title}", "", *rows, *note]) + "\n"


def _padded(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterable[str]:
    for text, width, flush in zip(line, widths, right, strict=True):
        yield text.rjust(width) if flush else text.ljust(width)


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _numeric(text: str) -> bool:
    return text.strip()[:1].isdigit() or text.strip() in ("", "-", "–") or text.strip()[:2].lstrip("-+−").isdigit()
