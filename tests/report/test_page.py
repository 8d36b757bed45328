from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from speechcnn import audio
from speechcnn.report import Picture, Table, curves_figure, figure_png, write_report

HEADLINE = [("phone error rate", "20.4 %", "95 % interval 19.8 to 21.0")]


class _Page(HTMLParser):
    """Collects tags with their attributes, text, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def _page(tmp_path, **parts):
    path = write_report(tmp_path / "run" / "report.html", "Phones <1> & more", HEADLINE, **parts)
    return _Page(path.read_text(encoding="utf-8"))


def test_every_text_comes_back_and_every_tag_is_closed(tmp_path):
    table = Table("S < D & I", ["<b>", 'quo"te'], [["x<y", "1"]], note="</p><script>alert(1)</script>")
    page = _page(tmp_path, tables=[table], config="a: '<&>'")
    for text in ("Phones <1> & more", "20.4 %", "S < D & I", "<b>", 'quo"te', "x<y", table.note, "a: '<&>'"):
        assert text in page.texts
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}


def test_nothing_outside_the_file_is_named(tmp_path):
    page = _page(tmp_path, pictures=[Picture("loss", curves_figure([{"loss": 1.0}]))])
    links = [value for _, found in page.tags for name, value in found.items() if name in ("src", "href", "srcset")]
    assert len(links) == 1
    assert links[0].startswith("data:image/png;base64,")
    assert re.findall(r"url\(|@import|https?:", "".join(page.texts)) == []


def test_sound_is_played_from_the_page_itself(tmp_path):
    samples = (0.25 * np.sin(np.arange(800) / 5)).astype(np.float32)
    audio.write(tmp_path / "one.flac", samples, 16000)
    page = _page(tmp_path, pictures=[Picture("one", curves_figure([{"loss": 1.0}]), sound=tmp_path / "one.flac")])
    source = next(found["src"] for tag, found in page.tags if tag == "audio")
    kind, data = source.split(",")
    assert kind == "data:audio/wav;base64"
    (tmp_path / "played.wav").write_bytes(base64.b64decode(data))
    played, rate = audio.read(tmp_path / "played.wav")
    assert rate == 16000
    np.testing.assert_allclose(played, samples, atol=2**-14)
    policy = next(
        found["content"] for tag, found in page.tags if "content" in found and "default-src" in found["content"]
    )
    assert "media-src data:" in policy


def test_picture_is_the_figure_with_its_caption(tmp_path):
    figure = curves_figure([{"loss": 1.0}, {"loss": 0.5}])
    page = _page(tmp_path, pictures=[Picture('a "loss"', figure, wide=True)])
    image = next(found for tag, found in page.tags if tag == "img")
    assert base64.b64decode(image["src"].split(",")[1]) == figure_png(figure)
    assert (image["alt"], image["width"]) == ('a "loss"', "442")


def test_columns_of_numbers_are_flush_right(tmp_path):
    page = _page(tmp_path, tables=[Table("t", ["name", "PER", "±"], [["61", "20.1", "-0.2"], ["b", "19", "–"]])])
    cells = [found.get("class") for tag, found in page.tags if tag in ("th", "td")]
    assert cells == [None, "number", "number"] * 3


def test_rows_must_fit_their_header(tmp_path):
    with pytest.raises(ValueError, match="every row of table 't' must have 2 cells as its header has, got one of 1"):
        _page(tmp_path, tables=[Table("t", ["a", "b"], [["1", "2"], ["1"]])])


def test_a_page_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    _page(tmp_path)
    page = _page(tmp_path, config="second")
    assert "second" in page.texts
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["report.html"]
    assert (tmp_path / "run" / "report.html").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_page(tmp_path, monkeypatch):
    path = write_report(tmp_path / "report.html", "first", HEADLINE)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_report(path, "second", HEADLINE)
    assert "first" in path.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
