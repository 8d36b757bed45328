#!/usr/bin/env python3
"""Time and memory of a run of TIMIT's size, from a part of it: `tools/timit_size.py CORPUS [--experiment p6]`.

The corpus's training utterances are repeated until there are as many as in TIMIT's three sets; all their features are
computed and held, as in a run, and a few training steps are timed. Peak memory is measured; the time of an epoch and of
the pooling table is worked out from these.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import torch

from speechcnn.configuration import compose
from speechcnn.corpora.timit import read
from speechcnn.corpora.timit_split import STANDARD_COUNTS
from speechcnn.experiments import phones, pooling_table
from speechcnn.experiments.phone_data import Item, make_item
from speechcnn.experiments.pooling_runs import planned
from speechcnn.training.batches import collate, plan_epoch


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work returns and its seconds."""
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


def peak_gib() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--experiment", default="p1_12_dropout")
    parser.add_argument("--utterances", type=int, default=sum(STANDARD_COUNTS.values()))
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()

    overrides = [f"experiment={given.experiment}", f"corpus.root={given.corpus}", f"threads={given.threads}"]
    experiment = phones.PhoneExperiment(compose(phones, overrides))
    chosen = list(islice(cycle(read(given.corpus).train), given.utterances))
    items, seconds = timed(lambda: [repeated(experiment, one, number) for number, one in enumerate(chosen)])
    frames = sum(item.features.shape[-1] for item in items)
    report(f"features of {len(items)} utterances, {frames} frames", seconds)
    experiment.normalise(items, items)
    examples, seconds = timed(lambda: experiment.examples(items))
    report("normalised", seconds)

    rate = frames_per_second(experiment, examples, given.steps)
    share = STANDARD_COUNTS["train"] / sum(STANDARD_COUNTS.values())
    report(f"{given.steps} training steps: {rate:.0f} frames/s", 0.0)
    table = planned(compose(pooling_table, []))
    epochs = sum(run.settings["training"]["epochs"] for run in table)
    minutes = frames * share / rate / 60
    print(f"estimated: {minutes:.1f} min an epoch of {STANDARD_COUNTS['train']} utterances, threads: {given.threads}")
    print(f"estimated: {epochs * minutes / 60:.1f} h for the pooling table's {epochs} epochs, one run after the other")


def repeated(experiment: phones.PhoneExperiment, utterance: Any, number: int) -> Item:
    """Return the utterance's features under a name of their own."""
    return make_item(replace(utterance, id=f"{utterance.id}-{number}"), experiment.recognizer)


def frames_per_second(experiment: phones.PhoneExperiment, examples: list[Any], steps: int) -> float:
    """Return the speed of training: the median over steps, the first two left out."""
    trainer = experiment.trainer("speed")
    plan = plan_epoch([one.n_frames for one in examples], experiment.loop.batch_frames, experiment.seed, 0)
    experiment.recognizer.model.train()
    rates = []
    for indices in plan[: steps + 2]:
        batch = collate([examples[i] for i in indices])
        _, seconds = timed(lambda batch=batch: trainer.train_batch(batch))
        rates.append(int(batch.n_frames.sum()) / seconds)
    return statistics.median(rates[2:])


def report(what: str, seconds: float) -> None:
    """Print a line."""
    spent = f", {seconds:.1f} s" if seconds else ""
    print(f"{what}{spent}; peak memory {peak_gib():.2f} GiB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
