from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from speechcnn.labels import Labels, Segment, timit_phones
from speechcnn.metrics import AS_WRITTEN, confusions
from speechcnn.report import confusion_figure, curves_figure, figure_png, utterance_figure
from speechcnn.report.utterance import LOST, PLAIN, WRONG

LABELS = Labels(("h#", "ih", "ix", "s", "z"))
REFERENCE = [
    Segment("h#", 0.0, 0.1),
    Segment("ix", 0.1, 0.2),
    Segment("s", 0.2, 0.25),
    Segment("h#", 0.25, 0.4),
]
HYPOTHESIS = [Segment("h#", 0.0, 0.1), Segment("ih", 0.1, 0.2), Segment("z", 0.2, 0.25), Segment("h#", 0.25, 0.4)]


def _figure(rng, labels=LABELS, n_frames=38, **options):
    posteriors = rng.dirichlet(np.ones(len(labels)), size=n_frames).T
    return utterance_figure(rng.normal(size=(40, n_frames)), posteriors, REFERENCE, HYPOTHESIS, labels, **options)


def _colours(axis):
    return [to_hex(colour) for colour in axis.collections[0].get_facecolors()]


def _size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_frames_lie_where_their_samples_are(rng):
    spectrogram, _, _, posteriors = _figure(rng).axes[:4]
    # Frame 0 is centred at 12.5 ms, frame 37 at 382.5 ms, each 10 ms wide.
    for axis in (spectrogram, posteriors):
        assert axis.images[0].get_extent()[:2] == pytest.approx([0.0075, 0.3875])
    assert spectrogram.get_xlim() == posteriors.get_xlim() == pytest.approx((0, 0.395))


def test_segments_stand_at_their_seconds(rng):
    strip = _figure(rng).axes[2]
    drawn = [path.get_extents() for path in strip.collections[0].get_paths()]
    edges = [[one.start, one.end] for one in HYPOTHESIS]
    np.testing.assert_allclose([[span.x0, span.x1] for span in drawn], edges)
    assert [text.get_text() for text in strip.texts] == ["h#", "ih", "z", "h#"]


def test_errors_are_coloured(rng):
    figure = _figure(rng)
    assert _colours(figure.axes[1]) == [PLAIN, LOST, LOST, PLAIN]
    assert _colours(figure.axes[2]) == [PLAIN, WRONG, WRONG, PLAIN]


def test_folding_forgives_what_the_score_forgives(rng):
    figure = _figure(rng, fold_to=39)
    assert _colours(figure.axes[1]) == [PLAIN, PLAIN, LOST, PLAIN]
    assert _colours(figure.axes[2]) == [PLAIN, PLAIN, WRONG, PLAIN]


def test_a_dropped_phone_is_neither_right_nor_wrong(rng):
    said = [Segment("q", 0, 0.1), Segment("aa", 0.1, 0.2)]
    heard = [Segment("aa", 0, 0.1), Segment("q", 0.1, 0.2), Segment("b", 0.2, 0.3)]
    figure = utterance_figure(rng.normal(size=(4, 30)), np.eye(5, 30), said, heard, LABELS, fold_to=39)
    assert _colours(figure.axes[1]) == [PLAIN, PLAIN]
    assert _colours(figure.axes[2]) == [PLAIN, PLAIN, WRONG]


def test_bands_are_labelled_in_hertz(rng):
    figure = _figure(rng, centres_hz=np.linspace(100, 4000, 40))
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (shown[0], shown[-1]) == ("100", "4000")


def test_of_many_posteriors_the_likely_ones_are_drawn():
    labels = timit_phones(61)
    posteriors = np.full((61, 20), 0.01)
    posteriors[[3, 40], 10] = 0.2
    figure = utterance_figure(np.zeros((40, 20)), posteriors, [], [], labels)
    assert [text.get_text() for text in figure.axes[3].get_yticklabels()] == [labels[3], labels[40]]


def test_pictures_are_drawn_without_a_display_and_without_warnings(rng):
    before = matplotlib.get_backend(auto_select=False)
    width, height = _size(figure_png(_figure(rng, title="$x_{$ 音"), dpi=50))
    assert (width, height) == (400, int(50 * (1.9 + 0.84 + 0.9 + 0.9)))
    assert matplotlib.get_backend(auto_select=False) == before


def test_one_frame_and_no_phones_can_be_drawn():
    figure = utterance_figure(np.zeros((40, 1)), np.ones((5, 1)) / 5, [], [], LABELS)
    assert _size(figure_png(figure))[0] == 960


@pytest.mark.parametrize(
    ("bands", "classes", "frames", "centres", "match"),
    [
        (40, 5, 37, None, r"same T of at least 1, got \(40, 38\) and \(5, 37\)"),
        (40, 4, 38, None, "one row for each of 5 labels, got 4"),
        (41, 5, 38, 40, "41 bands, got 40; leave out a row of energy"),
    ],
)
def test_shapes_that_disagree_are_told(bands, classes, frames, centres, match):
    hertz = None if centres is None else list(range(centres))
    spectrogram, posteriors = np.zeros((bands, 38)), np.zeros((classes, frames))
    with pytest.raises(ValueError, match=match):
        utterance_figure(spectrogram, posteriors, [], [], LABELS, centres_hz=hertz)


def _drawn(figure):
    errors, correct = figure.axes[0].images
    return errors.get_array(), correct.get_array()


def test_confusions_are_shares_of_their_row_and_the_diagonal_stands_apart():
    table = confusions({"u": ["b", "a", "a", "a"]}, {"u": ["b", "a", "b"]}, AS_WRITTEN)
    figure = confusion_figure(table)
    errors, correct = _drawn(figure)
    assert correct.compressed().tolist() == pytest.approx([1 / 3, 1])
    assert errors[0, 1:].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert errors.mask.diagonal().tolist() == [True, True, False]
    assert figure.axes[0].images[0].norm.vmax == pytest.approx(1 / 3)


def test_insertions_do_not_stretch_the_scale():
    table = confusions({"u": ["a", "a", "b"]}, {"u": ["a", "b", "b", "c"]}, AS_WRITTEN)
    assert confusion_figure(table).axes[0].images[0].norm.vmax == pytest.approx(1 / 2)


def test_phones_are_sorted_by_broad_class():
    phones = ["aa", "b", "er", "sil", "k", "m"]
    table = confusions({"u": phones}, {"u": ["aa", "k", "er", "sil", "k", "m"]})
    figure = confusion_figure(table)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["aa", "er", "m", "b", "k", "sil", "inserted"]
    errors, _ = _drawn(figure)
    assert errors[names.index("b"), names.index("k")] == 1
    assert errors.sum() == 1


def test_words_keep_their_order_and_a_table_without_errors_is_drawn():
    table = confusions({"u": ["yes", "no"]}, {"u": ["yes", "no"]}, AS_WRITTEN)
    figure = confusion_figure(table, "100 % & $x_{$")
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["no", "yes", "deleted"]
    assert _size(figure_png(figure))[0] > 300


def test_curves_hold_the_values_of_the_history():
    history = [
        {"train_loss": 3.0, "dev_per": None, "dev_frame_accuracy": 0.1, "learning_rate": 0.1},
        {"train_loss": 2.0, "dev_per": 0.4, "dev_frame_accuracy": 0.5, "learning_rate": 0.1},
    ]
    loss, share = curves_figure(history).axes
    assert [line.get_xydata().tolist() for line in loss.lines] == [[[1, 3.0], [2, 2.0]]]
    assert {line.get_label(): line.get_xydata().tolist() for line in share.lines} == {
        "dev per": [[2, 0.4]],
        "dev frame accuracy": [[1, 0.1], [2, 0.5]],
    }


def test_curves_without_a_kind_have_no_panel_for_it_and_epochs_are_kept():
    figure = curves_figure([{"epoch": 7, "loss": 1.0}, {"epoch": 9, "loss": 0.5}])
    assert len(figure.axes) == 1
    assert figure.axes[0].lines[0].get_xdata().tolist() == [7, 9]
    assert _size(figure_png(figure))[0] == 552


def test_a_measure_that_is_never_known_is_not_drawn():
    figure = curves_figure([{"loss": 1.0, "dev_per": None}])
    assert [line.get_label() for axis in figure.axes for line in axis.lines] == ["loss"]


@pytest.mark.parametrize(("history", "match"), [([], "at least one epoch"), ([{"period": 1.0}], "the keys period")])
def test_a_history_with_nothing_to_draw_is_told(history, match):
    with pytest.raises(ValueError, match=match):
        curves_figure(history)
