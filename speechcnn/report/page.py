"""A run's results as one HTML file that needs nothing else: no script, no style sheet, no picture beside it."""

from __future__ import annotations

import base64
import io
import os
import tempfile
import warnings
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from speechcnn import audio
from speechcnn.report.tables import Table, flush_right

STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --faint: #68737d; --line: #d9dee3; --paper: #fff; --shade: #f4f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --faint: #98a3ad; --line: #363e46; --paper: #14181c; --shade: #1c2228 }
}
body { margin: 2.5rem auto; max-width: 60rem; padding: 0 1.25rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1.5rem }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .6rem }
dl { display: flex; flex-wrap: wrap; gap: 1.75rem 3rem; margin: 0; padding: 1.25rem 0;
  border: solid var(--line); border-width: 1px 0 }
dt { color: var(--faint); font-size: .85rem }
dd { margin: 0; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums }
dd small { display: block; font-size: .85rem; color: var(--faint) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { padding: .35rem 1.4rem .35rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top }
th { color: var(--faint); font-weight: 600 }
.number { text-align: right }
figure { margin: 2rem 0 0 }
figcaption, .note { color: var(--faint); font-size: .88rem; margin: .5rem 0 0 }
img { display: block; background: #fff; border-radius: 4px; max-width: none }
.fit img { max-width: 100%; height: auto }
pre { background: var(--shade); padding: 1rem; border-radius: 4px; overflow-x: auto; font-size: .82rem }
audio { display: block; margin: .5rem 0 0; height: 2rem }
summary { cursor: pointer; font-weight: 600 }
"""


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; a `wide` one keeps its size and scrolls, others shrink to the page.

    `sound` is a file that is played below the figure.
    """

    caption: str
    figure: Figure
    wide: bool = False
    sound: Path | None = None


@dataclass(frozen=True)
class Sound:
    """Something to listen to, with what is said of it and a figure beside it. Shape: samples [N], mono, -1..1."""

    caption: str
    samples: npt.NDArray[np.float32]
    rate: int
    figure: Figure | None = None


def write_report(
    path: Path,
    title: str,
    headline: Iterable[tuple[str, str, str]],
    tables: Iterable[Table] = (),
    pictures: Iterable[Picture] = (),
    config: str = "",
    sounds: Iterable[Sound] = (),
) -> Path:
    """Write the page in one step and return its path; every text is escaped.

    `headline` holds (name, value, remark), the value in large type; `config` is shown as it is, folded away.

    Raises:
        ValueError: a table whose row and header differ in length.
    """
    parts = [f"<h1>{escape(title)}</h1>", _headline(headline)]
    parts += [_table(table) for table in tables]
    parts += [_picture(picture) for picture in pictures]
    parts += [_sound(sound) for sound in sounds]
    if config:
        parts.append(f"<h2>Settings</h2>\n<details><summary>show</summary><pre>{escape(config)}</pre></details>")
    _replace(Path(path), _page(title, "\n".join(parts)))
    return Path(path)


def figure_png(figure: Figure, dpi: int = 120) -> bytes:
    """The figure as a PNG file; letters that the font lacks become boxes."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def _page(title: str, body: str) -> str:
    # The policy forbids every outside resource, whatever a text may hold.
    policy = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _headline(rows: Iterable[tuple[str, str, str]]) -> str:
    items = [
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(remark)}</small></dd></div>"
        for name, value, remark in rows
    ]
    return f"<dl>{''.join(items)}</dl>" if items else ""


def _table(table: Table) -> str:
    wrong = [len(row) for row in table.rows if len(row) != len(table.header)]
    if wrong:
        rule = f"every row of table {table.title!r} must have {len(table.header)} cells as its header has"
        raise ValueError(f"{rule}, got one of {wrong[0]}")
    flush = flush_right(table)
    head = _row("th", table.header, flush)
    body = "\n".join(_row("td", row, flush) for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    content = f"<table>\n<thead>{head}</thead>\n<tbody>{body}</tbody>\n</table>"
    return f'<h2>{escape(table.title)}</h2>\n<div class="wide">{content}</div>{note}'


def _row(cell: str, texts: Sequence[str], flush: Sequence[bool]) -> str:
    marks = [' class="number"' if right else "" for right in flush]
    cells = (f"<{cell}{mark}>{escape(text)}</{cell}>" for mark, text in zip(marks, texts, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _sound(sound: Sound) -> str:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes((np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes())
    data = base64.b64encode(stream.getvalue()).decode()
    player = f'<audio controls preload="none" src="data:audio/wav;base64,{data}"></audio>'
    picture = "" if sound.figure is None else _picture(Picture(sound.caption, sound.figure))
    return f"{picture or f'<p>{escape(sound.caption)}</p>'}\n{player}"


def _picture(picture: Picture) -> str:
    data = base64.b64encode(figure_png(picture.figure)).decode()
    width = round(picture.figure.get_figwidth() * 96)
    caption = escape(picture.caption)
    image = f'<img src="data:image/png;base64,{data}" width="{width}" alt="{caption}">'
    kind = "wide" if picture.wide else "fit"
    player = _player(picture.sound) if picture.sound else ""
    return f'<figure><div class="{kind}">{image}</div>{player}<figcaption>{caption}</figcaption></figure>'


def _player(sound: Path) -> str:
    """The sound as 16-bit WAV, which every browser plays, whatever the file's own format."""
    samples, rate = audio.read(sound)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'


def _replace(path: Path, text: str) -> None:
    """Write beside the target and rename, so that a reader never sees half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        # mkstemp makes a file for its owner alone; a report is read by others too.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
