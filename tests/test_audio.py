from __future__ import annotations

import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from speechcnn import audio, torchaudio_pair
from speechcnn.audio import AudioError, AudioLimits
from speechcnn.audio.resampling import Regrouper, Resampler
from speechcnn.stages import through

PCM = np.array([0, 1, -1, 1000, -32768, 32767] * 50, dtype=np.int16)


def sphere(pcm, coding="pcm", count=None, order="01", extra=b""):
    """A NIST SPHERE file written from its description."""
    fields = (
        f"NIST_1A\n   1024\nsample_count -i {len(pcm) if count is None else count}\nsample_rate -i 16000\n"
        f"channel_count -i 1\nsample_n_bytes -i 2\nsample_byte_format -s2 {order}\nsample_sig_bits -i 16\n"
        f"sample_coding -s{len(coding)} {coding}\nend_head\n"
    )
    return fields.encode().ljust(1024, b" ") + pcm.astype("<i2" if order == "01" else ">i2").tobytes() + extra


def wave(pcm=PCM, coding=1, bits=16, channels=1, rate=16000, declared=None, frame=None):
    """A RIFF/WAVE file written from its description."""
    data = pcm.astype("<i2").tobytes()
    frame = channels * bits // 8 if frame is None else frame
    form = struct.pack("<HHIIHH", coding, channels, rate, rate * frame, frame, bits)
    size = len(data) if declared is None else declared
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac_of(path, n_samples, rate=16000, declared=None):
    soundfile.write(path, np.zeros(n_samples, dtype=np.int16), rate, format="FLAC")
    data = bytearray(path.read_bytes())
    if declared is not None:
        (packed,) = struct.unpack(">Q", data[18:26])
        data[18:26] = struct.pack(">Q", packed >> 36 << 36 | declared)
        path.write_bytes(data)
    return path


@pytest.fixture
def tone():
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)


@pytest.mark.parametrize(
    ("form", "subtype", "expected"),
    [
        ("WAV", "PCM_16", "wav"), ("WAV", "PCM_24", "wav"), ("WAV", "PCM_32", "wav"), ("WAV", "FLOAT", "wav"),
        ("WAVEX", "PCM_16", "wav"), ("FLAC", "PCM_16", "flac"), ("FLAC", "PCM_24", "flac"),
    ],
)  # fmt: skip
def test_lossless_formats_are_read_as_written_whatever_their_name(tmp_path, tone, form, subtype, expected):
    path = tmp_path / "sound.bin"
    soundfile.write(path, tone, 16000, subtype, format=form)
    samples, rate = audio.read(path)
    assert (audio.sniff(path), rate, samples.dtype) == (expected, 16000, np.float32)
    np.testing.assert_allclose(samples, tone, rtol=0, atol=2**-14)
    assert audio.info(path) == audio.AudioInfo(expected, 16000, 1, 16000)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_is_read_nearly_as_written(tmp_path, tone, subtype):
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone, 48000, subtype, format="OGG")
    samples, rate = audio.read(path)
    assert (audio.sniff(path), rate, len(samples), audio.info(path).n_samples) == ("ogg", 48000, 16000, 16000)
    assert np.corrcoef(samples, tone)[0, 1] > 0.99


@pytest.mark.parametrize("order", ["01", "10"])
def test_sphere_is_read_bit_exactly_and_without_what_follows(tmp_path, order):
    path = tmp_path / "SA1.WAV"
    path.write_bytes(sphere(PCM, order=order, extra=b"trailing bytes"))
    samples, rate = audio.read(path)
    np.testing.assert_array_equal(samples * 32768, PCM)
    assert (rate, audio.info(path)) == (16000, audio.AudioInfo("sphere", 16000, 1, len(PCM)))


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.array([[0.5, 0.25], [-0.5, 0.0]]), 16000, "FLOAT")
    np.testing.assert_array_equal(audio.read(path)[0], [0.375, -0.25])
    assert audio.info(path).channels == 2


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_writing_and_reading_returns_every_bit(tmp_path, suffix):
    path = tmp_path / f"sound{suffix}"
    audio.write(path, PCM.astype(np.float32) / 32768, 16000)
    np.testing.assert_array_equal(audio.read(path)[0] * 32768, PCM)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert soundfile.info(path).subtype == "PCM_16"


def test_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "sound.wav"
    audio.write(path, PCM, 16000)
    before = path.read_bytes()

    def broken(target, *_, **__):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(soundfile, "write", broken)
    with pytest.raises(OSError, match="disk full"):
        audio.write(path, PCM[::-1], 16000)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("samples", "name", "sentence"),
    [
        ([0.0, 1.5], "a.wav", "within -1..1, the largest magnitude is 1.5"),
        ([0.0, np.nan], "a.wav", "largest magnitude is nan"),
        ([[0.0]], "a.wav", r"\[N\], N > 0, got \[1, 1\]"),
        ([], "a.wav", r"got \[0\]"),
        ([0.0], "a.mp3", "got the suffix '.mp3'"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, samples, name, sentence):
    with pytest.raises(AudioError, match=sentence):
        audio.write(tmp_path / name, samples, 16000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"These are words, no sound.", "not a sound file.*starts with b'These are words,'"),
        (b"ID3\x04" + bytes(60), "MP3 is not read here.*convert"),
        (b"OggS" + bytes(24) + b"Speex   ", "Ogg of another codec"),
        (b"\x64\xa3\x01\x00" + bytes(60), "IRCAM is not read"),
        (wave(coding=2, bits=4), "Microsoft ADPCM of 4 bits is not read"),
        (wave(coding=7, bits=8), "mu-law of 8 bits"),
        (wave(pcm=PCM[:0]), "holds no samples"),
        (wave(declared=601), "truncated: the data chunk declares 601 bytes, 600 are there"),
        (wave()[:30], "truncated within the wav header"),
        (wave(rate=1), "rates from 4000 to 192000 Hz are read, the file declares 1"),
        (wave(channels=9), "1 to 8 channels are read, the file declares 9"),
        (wave(channels=2, frame=2), "contradicts itself: 2 channels of 16 bits in frames of 2 bytes"),
        (sphere(PCM, count=301), "truncated: sample_count declares 301 samples, 300 are there"),
        (sphere(PCM, coding="pcm,embedded-shorten-v2.00"), "sph2pipe -f wav"),
        (sphere(PCM, coding="ulaw"), "coding 'ulaw'"),
        (sphere(PCM, count="many"), "sample_count .* must be a whole number, got 'many'"),
        (sphere(PCM, order="1"), "sample_byte_format .* must be 01 or 10, got '1'"),
        (b"NIST_1A\n 9999999\n" + bytes(50), "declares 9999999"),
    ],
)
def test_what_is_no_sound_or_damaged_is_answered_by_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=sentence) as caught:
        audio.read(path)
    assert str(path) in str(caught.value)


def test_refused_formats_never_reach_the_decoder(tmp_path, monkeypatch):
    path = tmp_path / "sound.wav"
    path.write_bytes(wave(coding=17, bits=4))
    monkeypatch.setattr(soundfile, "SoundFile", lambda *_: pytest.fail("the decoder was asked"))
    with pytest.raises(AudioError, match="IMA ADPCM"):
        audio.read(path)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such sound file"):
        audio.read(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="this is a folder"):
        audio.read(tmp_path)


@pytest.mark.parametrize(("value", "sentence"), [(np.nan, "NaN or inf"), (np.inf, "NaN"), (3e4, "divide by 32768")])
def test_floats_that_are_no_sound_are_refused(tmp_path, value, sentence):
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.array([0.0, value], dtype=np.float32), 16000, "FLOAT")
    with pytest.raises(AudioError, match=sentence):
        audio.read(path)


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_truncated_compressed_files_are_noticed(tmp_path, rng, form):
    path = tmp_path / "sound"
    soundfile.write(path, 0.1 * rng.standard_normal(64000), 16000, format=form)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(AudioError, match=r"truncated|damaged"):
        audio.read(path)


def test_streamed_files_without_a_length_are_counted(tmp_path):
    path = tmp_path / "pipe.wav"
    path.write_bytes(wave(declared=0xFFFFFFFF))
    assert audio.info(path).n_samples == len(audio.read(path)[0]) == 300
    flac = flac_of(tmp_path / "pipe.flac", 5000, declared=0)
    assert audio.info(flac).n_samples == len(audio.read(flac)[0]) == 5000


def test_lying_flac_header_costs_no_memory(tmp_path):
    path = flac_of(tmp_path / "lie.flac", 1000, declared=2**36 - 1)
    tracemalloc.start()
    with pytest.raises(AudioError, match="sound may last 3600 s"):
        audio.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_decoding_stops_at_the_limit_when_the_header_is_silent(tmp_path):
    path = flac_of(tmp_path / "bomb.flac", 2_000_000, declared=0)
    tracemalloc.start()
    with pytest.raises(AudioError, match="sound may last 20 s"):
        audio.read(path, limits=AudioLimits(seconds=20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # the whole sound would take 8 MB


def test_declared_less_than_the_limit_but_absent(tmp_path):
    with pytest.raises(AudioError, match=r"16000000 samples declared, 1000 decoded|damaged"):
        audio.read(flac_of(tmp_path / "lie.flac", 1000, declared=16_000_000))


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (AudioLimits(file_bytes=100), "may have 100 bytes"),
        (AudioLimits(decoded_bytes=1000), "may take 1000 bytes"),
        (AudioLimits(seconds=0.01), "may last 0.01 s"),
        (AudioLimits(highest_rate=8000), "from 4000 to 8000 Hz"),
    ],
)
def test_limits_hold(tmp_path, limits, sentence):
    path = tmp_path / "sound.wav"
    path.write_bytes(wave())
    with pytest.raises(AudioError, match=sentence):
        audio.info(path, limits)


def test_resampling_keeps_a_tone_and_its_length(tone):
    quarter = audio.resample(tone, 16000, 8000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert quarter.shape == (8000,)
    np.testing.assert_allclose(quarter[100:-100], expected[100:-100], atol=2e-3)


def test_resampling_is_that_of_torchaudio(tone):
    expected = torchaudio.functional.resample(torch.from_numpy(tone), 16000, 11025).numpy()
    np.testing.assert_array_equal(audio.resample(tone, 16000, 11025), expected)


@pytest.mark.parametrize("rate", [11127, 44099, 190001, 4001])
def test_odd_rates_cost_little_and_land_at_the_right_length(tone, rate):
    exact = 16000 * 16000 / rate
    assert abs(len(audio.resample(tone, rate, 16000)) - exact) < 1 + exact / 4000


@pytest.mark.parametrize(
    ("shape", "rate", "sentence"), [((1, 5), 8000, r"one axis \[N\], got the shape \[1, 5\]"), ((5,), 0, "at least 1")]
)
def test_resampling_refuses(shape, rate, sentence):
    with pytest.raises(ValueError, match=sentence):
        audio.resample(np.zeros(shape), rate, 16000)


@pytest.mark.parametrize("rate", [None, 44100, 16000, 8000, 11025])
def test_blocks_joined_equal_the_whole(tmp_path, rng, rate):
    path = tmp_path / "long.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(700_001), 44100)
    pieces = list(audio.blocks(path, 0.7, rate))
    whole, found = audio.read(path, rate)
    assert {len(piece) for piece in pieces[:-1]} == {round(0.7 * found)}
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-6)


def test_blocks_need_a_length(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(wave())
    with pytest.raises(ValueError, match="at least one sample, got 0"):
        audio.blocks(path, 0)


def test_torchaudio_that_does_not_fit_is_answered_by_one_sentence(monkeypatch):
    def broken(_name):
        raise OSError("libc10_cuda.so: cannot open shared object file")

    monkeypatch.setattr(torchaudio_pair.importlib, "import_module", broken)
    with pytest.raises(ImportError, match=r"libc10_cuda\.so") as caught:
        audio.resample(np.zeros(10), 16000, 8000)
    sentence = str(caught.value)
    assert all(part in sentence for part in (torchaudio.__version__.split("+")[0], torch.__version__, "pip install"))
    assert f"(CUDA {torch.version.cuda or 'none'})" in sentence
    assert "\n" not in sentence


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="this is a pipe or a device"):
        audio.read(tmp_path / "pipe.wav")


def test_a_superscript_is_no_number_in_a_sphere_header(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(sphere(PCM).replace(b"-i 16000", b"-i 1600\xb2"))
    with pytest.raises(AudioError, match="sample_rate in the SPHERE header must be a whole number, got '1600²'"):
        audio.read(path)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_stream_is_resampled_as_the_whole_in_pieces_of_any_size(rng: np.random.Generator, rate: int) -> None:
    samples = rng.uniform(-0.5, 0.5, 5000).astype(np.float32)
    cuts = np.sort(rng.integers(0, len(samples), 60))
    found = np.concatenate(list(through(Resampler(rate, 16000), np.split(samples, cuts))))
    np.testing.assert_allclose(found, audio.resample(samples, rate, 16000), rtol=0, atol=1e-6)


def test_a_resampled_sample_comes_within_the_delay() -> None:
    resampler = Resampler(48000, 16000)
    state, given = resampler.start(), 0
    for n in range(1, 2000):
        found, state = resampler.step(np.zeros(1, np.float32), state)
        given += sum(map(len, found))
        assert n / 48000 - given / 16000 <= resampler.delay_seconds + 1e-9
    assert resampler.delay_seconds < 0.001


def test_pieces_are_regrouped(rng: np.random.Generator) -> None:
    samples = np.arange(100, dtype=np.float32)
    pieces = list(through(Regrouper(12), np.split(samples, [1, 2, 30, 31, 99])))
    assert [len(piece) for piece in pieces] == [12] * 8 + [4]
    assert np.array_equal(np.concatenate(pieces), samples)
