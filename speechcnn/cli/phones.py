"""The commands that use a phone recogniser: `transcribe`, `align` and `listen`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from speechcnn.cli.recordings import Recording, Report
    from speechcnn.labels import Segment
    from speechcnn.recognizer import PhoneRecognizer

FORMATS = ("text", "json", "ctm", "textgrid", "phn")
CHUNK_BYTES = 1600  # read from a microphone at a time: 50 ms at 16 kHz


def add_phones(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands."""
    transcription = _add(commands, "transcribe", "phones of recordings, with times and posteriors")
    transcription.add_argument("audio", type=Path, nargs="+", help="sound files, or folders of them")
    _add_output(transcription)
    transcription.add_argument(
        "--confidence",
        choices=("network", "paths"),
        default="network",
        help="whose posteriors: the network's, frame by frame, or those of all paths through the recording",
    )
    transcription.add_argument("--plot", type=Path, metavar="PNG", help="draw one recording, the first 20 s of it")
    transcription.set_defaults(run=transcribe)

    alignment = _add(commands, "align", "when each of the phones was spoken that are known to be in recordings")
    alignment.add_argument("audio", type=Path, help="a sound file, or a folder of them")
    alignment.add_argument("phones", help="'h# hh ay h#', or .trn, .ctm, .json, .phn, .TextGrid, or a folder of these")
    _add_output(alignment)
    alignment.set_defaults(run=align)

    listening = _add(commands, "listen", "phones of live audio: 16-bit mono samples from standard input, as they come")
    listening.add_argument("--rate", type=int, default=16000, help="samples per second of the input")
    listening.add_argument("--max-delay-ms", type=float, default=500.0, help="of the decoder")
    listening.set_defaults(run=listen)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
    command.add_argument("model", type=Path, help="the model file")
    return command


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=FORMATS, default="text")
    command.add_argument("--output", type=Path, metavar="DIR", help="write one file a recording into this folder")


def transcribe(arguments: argparse.Namespace) -> int:
    """Write the phones of each recording."""
    from speechcnn.cli import phone_output, recordings
    from speechcnn.recognizer import PhoneRecognizer

    found = recordings.find(arguments.audio)
    phone_output.check(found, arguments.format, arguments.output)
    if arguments.plot and len(found) > 1:
        raise ValueError(f"--plot draws one recording; got {len(found)} of them.")
    recognizer = PhoneRecognizer.load(arguments.model)

    def work(one: Recording, report: Report) -> Sequence[Segment]:
        segments = []
        for segment in recognizer.segments(one.path, confidence=arguments.confidence):
            segments.append(segment)
            report(segment.end)
        return segments

    results = recordings.each(found, "transcribing", work)
    phone_output.write(_drawn(results, recognizer, arguments.plot), arguments.format, arguments.output)
    return 0


def _drawn(
    results: Iterator[tuple[Recording, Sequence[Segment]]], recognizer: PhoneRecognizer, picture: Path | None
) -> Iterator[tuple[Recording, Sequence[Segment]]]:
    for one, segments in results:
        if picture is not None:
            draw(recognizer, one, segments, picture)
        yield one, segments


def draw(recognizer: PhoneRecognizer, one: Recording, segments: Sequence[Segment], path: Path) -> None:
    """Draw the beginning of a recording: spectrogram, phones, posteriors."""
    from speechcnn.cli.recordings import warn
    from speechcnn.report import figure_png, utterance_figure

    view = recognizer.beginning(one.path)
    if view is None:
        warn(f"{one.path} is too short to be drawn")
        return
    features, posteriors = view
    shift, first_centre = recognizer.frame_times
    end = first_centre + shift * features.shape[-1]
    shown = [segment for segment in segments if segment.start < end]
    if segments and segments[-1].end > end:
        warn(f"{path} shows the first {end:.0f} s of {one.path}")
    bands = features[0, : recognizer.features.n_bands].numpy()
    figure = utterance_figure(
        bands, posteriors.T, None, shown, recognizer.labels, shift, one.path.name, window_seconds=2 * first_centre
    )
    path.write_bytes(figure_png(figure))


def align(arguments: argparse.Namespace) -> int:
    """Write when each of the known phones was spoken."""
    from speechcnn.cli import phone_output, recordings
    from speechcnn.recognizer import PhoneRecognizer

    found = recordings.find([arguments.audio])
    phone_output.check(found, arguments.format, arguments.output)
    spoken = _spoken(arguments.phones, found)
    recognizer = PhoneRecognizer.load(arguments.model)
    results = recordings.each(found, "aligning", lambda one, _: recognizer.align(one.path, spoken[one]))
    phone_output.write(results, arguments.format, arguments.output)
    return 0


def _spoken(phones: str, found: Sequence[Recording]) -> Mapping[Recording, Sequence[str]]:
    """The phones of each recording: those of a transcript of its id, of the one transcript there is, or those given."""
    from speechcnn import transcripts
    from speechcnn.corpora.timit_ids import common_ids

    if not _exists(phones):
        if Path(phones).suffix.lower() in (".trn", ".ctm", ".json", ".phn", ".textgrid"):
            raise FileNotFoundError(f"{phones}: no such file")
        return dict.fromkeys(found, phones.split())
    labels = transcripts.read_labels(phones)
    if len(labels) == len(found) == 1:
        return {found[0]: next(iter(labels.values()))}
    ids = {common: labels[name] for name, common in common_ids(labels).items()}
    names = dict(zip(found, common_ids(one.name for one in found).values(), strict=True))
    lost = [str(one.path) for one, common in names.items() if common not in ids]
    if lost:
        raise ValueError(f"{phones} holds no transcript of {len(lost)} of the recordings: {', '.join(lost)}")
    return {one: ids[common] for one, common in names.items()}


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long for a name: a line of phones
        return False


def listen(arguments: argparse.Namespace) -> int:
    """Print phones while audio comes in."""
    from speechcnn.cli.phone_output import line
    from speechcnn.recognizer import PhoneRecognizer

    stream = PhoneRecognizer.load(arguments.model).stream(arguments.rate, arguments.max_delay_ms)
    state = stream.start()
    for samples in _heard(sys.stdin.buffer):
        found, state = stream.step(samples, state)
        _say(map(line, found))
    _say(map(line, stream.finish(state)))
    return 0


def _say(lines: Iterator[str]) -> None:
    sys.stdout.write("".join(lines))
    sys.stdout.flush()


def _heard(source: BinaryIO) -> Iterator[NDArray[np.float32]]:
    """Give out what comes as floats; half a sample at the end is dropped."""
    import numpy as np

    held = b""
    while chunk := source.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
        held += chunk
        whole = len(held) // 2 * 2
        yield np.frombuffer(held[:whole], "<i2").astype(np.float32) / np.float32(32768)
        held = held[whole:]
