"""speechcnn: convolutional networks for speech and audio.

The house has floors, and imports only go down:

    0  audio/, labels, shapes, arguments, transcripts/, locks      files, names, lengths, settings
    1  layers/, features/, corpora/, decoding/, metrics/, spotting the workshops
    2  models/                                                     networks, by name
    3  training/                                                   batches, loop, checkpoints
    4  bundle/, export/, explain/, report/                         the model file, pictures and pages
    5  recognizer/, spotter/, classifier/, event_finder            the public classes
    6  experiments/, cli/, loading                                 what recipes and commands run, `load`

`configuration` alone knows Hydra. The public names below are imported when they are first used, so that
`import speechcnn` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechcnn.classifier import AudioClassifier
    from speechcnn.event_finder import EventFinder
    from speechcnn.layers.verify import verify_layer
    from speechcnn.loading import load
    from speechcnn.recognizer import PhoneRecognizer
    from speechcnn.spotter import KeywordSpotter

__all__ = ["AudioClassifier", "EventFinder", "KeywordSpotter", "PhoneRecognizer", "load", "verify_layer"]

_ROOMS = {
    "AudioClassifier": "speechcnn.classifier",
    "EventFinder": "speechcnn.event_finder",
    "KeywordSpotter": "speechcnn.spotter",
    "PhoneRecognizer": "speechcnn.recognizer",
    "load": "speechcnn.loading",
    "verify_layer": "speechcnn.layers.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'speechcnn' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
