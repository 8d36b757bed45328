"""The process of an isolated read: `python -m speechcnn.audio.worker JOB` decodes one file under limits of its own.

Samples go to standard output as native float32, then one line of JSON to the error stream: `{"kind", "value"}` with
kind "samples", "refused" or "missing". It imports numpy and soundfile and neither torch nor anything else that is slow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import soundfile  # noqa: F401  before the limits, so that they bound what the file costs

from speechcnn import audio
from speechcnn.audio.headers import header

_BLOCK_SECONDS = 5.0


def main() -> None:
    """Decode the file that the argument describes."""
    job = json.loads(sys.argv[1])
    limits = audio.AudioLimits(**job["limits"])
    bound(limits)
    try:
        answer = {"kind": "samples", "value": decode(job["path"], limits)}
    except FileNotFoundError as error:
        answer = {"kind": "missing", "value": str(error)}
    except (audio.AudioError, OSError) as error:
        answer = {"kind": "refused", "value": str(error)}
    except MemoryError:
        what = f"{job['path']}: decoding may take {limits.process_bytes} bytes, this needs more"
        answer = {"kind": "refused", "value": what}
    sys.stderr.write("\n" + json.dumps(answer) + "\n")


def decode(path: str, limits: audio.AudioLimits) -> Mapping[str, Any]:
    """Write the samples block by block; return their rate and number."""
    rate, n_samples = header(path).rate, 0
    for block in audio.blocks(path, _BLOCK_SECONDS, limits=limits):
        sys.stdout.buffer.write(block.tobytes())
        n_samples += len(block)
    sys.stdout.buffer.flush()
    return {"rate": rate, "n_samples": n_samples}


def bound(limits: audio.AudioLimits) -> None:
    """Bound this process's memory, output and processor time, where the system can (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_AS, limits.process_bytes),
        (resource.RLIMIT_FSIZE, limits.decoded_bytes + 2**16),
        (resource.RLIMIT_CPU, int(limits.process_seconds) + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
