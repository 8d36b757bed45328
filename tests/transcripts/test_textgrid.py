from __future__ import annotations

import pytest

from speechcnn.labels import Segment
from speechcnn.transcripts import TranscriptError, read_textgrid, write_textgrid

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "say ""ah"" now"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 0.5
        points: size = 1
        points [1]:
            number = 0.25
            mark = "3"
    item [3]:
        class = "IntervalTier"
        name = "anna - phones"
        xmin = 0
        xmax = 0.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = "h#"
        intervals [2]:
            xmin = 0.1
            xmax = 0.2
            text = ""
        intervals [3]:
            xmin = 0.2
            xmax = 5e-1
            text = " aa "
"""
SHORT = """File type = "ooTextFile short"
"TextGrid"

0
0.5
<exists>
1
"IntervalTier"
"speech"
0
0.5
2
0
0.2
"sh"
0.2
0.5
"iy"
"""


def test_long_form_gives_the_phone_tier_without_empty_intervals():
    assert read_textgrid(LONG) == [Segment("h#", 0, 0.1), Segment("aa", 0.2, 0.5)]


def test_short_form_with_one_tier_needs_no_name():
    assert read_textgrid(SHORT) == [Segment("sh", 0, 0.2), Segment("iy", 0.2, 0.5)]


def test_a_tier_is_chosen_by_name_and_quotes_are_undoubled():
    assert read_textgrid(LONG, tier="words") == [Segment('say "ah" now', 0, 0.5)]


def test_what_is_written_comes_back(rng):
    edges = sorted(rng.choice(80_000, size=20, replace=False) / 16000)
    names = ["h#", 'a "b"', "<exists>", "12", "ax-h"]
    segments = [Segment(names[i % 5], *pair) for i, pair in enumerate(zip(edges[::2], edges[1::2], strict=True))]
    back = read_textgrid(write_textgrid(segments, duration=6.0))
    assert [one.label for one in back] == [one.label for one in segments]
    assert [x for one in back for x in (one.start, one.end)] == pytest.approx(edges, abs=1e-6)


def test_no_tier_of_that_name_lists_the_tiers():
    with pytest.raises(TranscriptError, match="named syllables, its interval tiers are: words, anna - phones"):
        read_textgrid(LONG, "a.TextGrid", "syllables")
    with pytest.raises(TranscriptError, match="named phones or phone or phn, its interval tiers are: words, other"):
        read_textgrid(LONG.replace("anna - phones", "other"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "it ends early"),
        (LONG[:-40], "it ends early"),
        ("h# 0 1", "0 stands where a quoted text is due"),
        ('"ooTextFile" "PitchTier" 0 1', "it does not begin as one"),
        ('"ooTextFile" "TextGrid" 0 1 <absent>', "it holds no tier"),
        (SHORT.replace('"sh"', "7"), "7 stands where a quoted text is due"),
        (SHORT.replace("0.2\n", '"x"\n', 1), '"x" stands where a number is due'),
    ],
)
def test_broken_textgrids_are_refused(text, match):
    with pytest.raises(TranscriptError, match=rf"a\.TextGrid must be a whole TextGrid .*{match}"):
        read_textgrid(text, "a.TextGrid")
