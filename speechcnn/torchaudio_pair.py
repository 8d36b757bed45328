"""The one door to torchaudio, whose compiled part fits only the torch it was built for."""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType

import torch

_PAIR = 'pip install "torch>=2.11,<2.15" "torchaudio>=2.11,<2.12"'


def torchaudio() -> ModuleType:
    """The torchaudio package, imported at first use.

    Raises:
        ImportError: torchaudio is missing or does not fit the installed torch; the sentence names both versions,
            the CUDA version of torch and the command that installs a pair that fits.
    """
    try:
        module = importlib.import_module("torchaudio")
        importlib.import_module("torchaudio.functional")
        importlib.import_module("torchaudio.transforms")
    except (ImportError, OSError, RuntimeError) as error:
        raise ImportError(_sentence(error)) from error
    return module


def _sentence(error: Exception) -> str:
    cause = (str(error).splitlines() or [type(error).__name__])[0]
    return (
        f"torchaudio {_installed('torchaudio')} does not load with torch {torch.__version__} "
        f"(CUDA {torch.version.cuda or 'none'}): {cause}; "
        f"install a pair that fits, both from the public index: {_PAIR}"
    )


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"
