"""The phone recogniser on live audio, with a delay that is known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from speechcnn.audio import AudioError
from speechcnn.audio.resampling import Regrouper, Resampler
from speechcnn.decoding.streaming import StreamingDecoder
from speechcnn.decoding.timed import TimedDecoder
from speechcnn.features import RunningNormalizer, Statistics
from speechcnn.labels import Segment
from speechcnn.models.scanning import time_field
from speechcnn.recognizer import scanned
from speechcnn.recognizer.settings import Running
from speechcnn.shapes import ReceptiveField
from speechcnn.stages import Chain, Map, Stage

if TYPE_CHECKING:
    from speechcnn.recognizer.phones import PhoneRecognizer


class PhoneStream:
    """Recognises phones while audio comes in; `PhoneRecognizer.stream` makes it and explains its settings.

    All that a stream remembers lies in the state that `step` takes and returns, so one object serves many streams. The
    sizes of the pieces of audio do not change the result: a hop is worked on as soon as it is whole.
    """

    def __init__(
        self,
        recognizer: PhoneRecognizer,
        rate: int,
        max_delay_ms: float | None,
        normalisation: Running | Statistics,
        hop_ms: float,
    ) -> None:
        features, hmm = recognizer.features, recognizer.require_hmm()
        field = time_field(recognizer.model)
        if field is None:
            raise ValueError("this network must see the whole recording; it cannot recognise live audio.")
        shift_ms = 1000 * features.shift_seconds
        hop = max(1, round(hop_ms / shift_ms))
        delay = None if max_delay_ms is None else round(max_delay_ms / shift_ms)
        resampler = Resampler(rate, recognizer.rate)
        search = StreamingDecoder(hmm, *recognizer.weights, delay, hop)
        self.rate, self.hop_ms = rate, hop * shift_ms
        self.delay_ms = None if delay is None else self._delay_ms(features, field, delay, resampler)
        self.chain = Chain(
            [
                Regrouper(round(rate * self.hop_ms / 1000)),
                resampler,
                *scanned.extraction(features),
                _normaliser(recognizer, normalisation),
                scanned.network(recognizer.model),
                scanned.confidence("network", hmm, recognizer.weighting),
                TimedDecoder(search, *recognizer.frame_times),
            ]
        )

    def start(self) -> Any:
        """Return the state before the first sample."""
        return self.chain.start()

    def step(self, samples: npt.ArrayLike, state: Any) -> tuple[list[Segment], Any]:
        """Take any number of samples; return the phones that became final, and the state to go on from.

        A phone is given out at most `delay_ms` after its end, the first ones no sooner than the running normalisation
        has warmed up. Posteriors are the network's.

        Shape: samples [N], floats within -1 .. 1.

        Raises:
            AudioError: samples of another shape, integers, or not finite.
        """
        return self.chain.step(_checked(samples), state)

    def finish(self, state: Any) -> list[Segment]:
        """Return the rest of the phones, the audio being over."""
        return self.chain.finish(state)

    def _delay_ms(self, features: Any, network: ReceptiveField, max_delay: int, resampler: Resampler) -> float:
        """How long after the end of a phone's last frame everything has come that lets it be given out."""
        seen = features.receptive_field.then(network)
        last_sample = (seen.start + seen.size) / features.rate + max_delay * features.shift_seconds
        end_of_frame = features.first_centre_seconds + features.shift_seconds / 2
        return 1000 * (last_sample - end_of_frame + resampler.delay_seconds) + self.hop_ms


def _normaliser(recognizer: PhoneRecognizer, normalisation: Running | Statistics) -> Stage:
    if isinstance(normalisation, Statistics) or not recognizer.normalizer.needs_statistics:
        own = normalisation if isinstance(normalisation, Statistics) else None
        return Map(lambda features: recognizer.normalizer.part(features, own))
    shift = recognizer.features.shift_seconds
    warm_up = max(1, round(normalisation.warm_up_seconds / shift))
    return RunningNormalizer(warm_up, max(1.0, normalisation.memory_seconds / shift))


def _checked(samples: npt.ArrayLike) -> npt.NDArray[np.float32]:
    found = np.asarray(samples)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.floating):
        raise AudioError(
            f"samples of a stream must be floats of the shape [N] within -1..1; got {found.dtype} of the shape "
            f"{list(found.shape)} (divide 16-bit samples by 32768)"
        )
    if not np.isfinite(found).all():
        raise AudioError("samples must be finite numbers, some are NaN or infinity")
    return found.astype(np.float32, copy=False)
