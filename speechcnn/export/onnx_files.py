"""Writes graphs as ONNX files, after comparing them with torch under onnxruntime; and their 8-bit versions."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CLOSENESS = 1e-4  # largest difference between an output and torch's with which a graph is written
NEEDED = ("onnx", "onnxruntime", "onnxscript")
LOUD_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


class ExportError(ValueError):
    """A model that cannot be exported, or whose graph computes something else."""


@dataclass(frozen=True)
class Exported:
    """A written graph."""

    path: Path
    difference: float  # largest absolute, between its outputs and torch's; of 8 bits, its scores and torch's
    n_bytes: int


def require_onnx() -> None:
    """Raise an ImportError that says what to install unless ONNX graphs can be written and run."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(f"export needs {', '.join(missing)}: pip install 'speechcnn[export]'.")


def write_graph(
    path: Path,
    graph: nn.Module,
    example: Sequence[Tensor],
    trials: Sequence[Sequence[Tensor]],
    facts: Mapping[str, Any],
    free: Mapping[str, Mapping[int, Any]] | None = None,
    defaults: Mapping[str, Tensor] | None = None,
) -> Exported:
    """Write a module as an ONNX file, if onnxruntime computes with it what torch computes.

    Args:
        path: where to.
        graph: a module with `inputs` and `outputs`, the names of its tensors.
        example: inputs to trace it with.
        trials: inputs to compare with.
        facts: what the file says of itself, each a JSON text in its metadata.
        free: of inputs, the axes that may have any length (`torch.export.Dim`).
        defaults: values of inputs that need not be given: the state before the first sample.

    Raises:
        ImportError: the extra `export` is not installed.
        ExportError: it cannot be expressed, or the results differ by more than `CLOSENESS`; nothing is written.
    """
    require_onnx()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        traced(unfinished, graph, example, free)
        describe(unfinished, facts, defaults or {})
        found = max(difference(unfinished, graph, trial) for trial in trials)
        if not found <= CLOSENESS:
            raise ExportError(f"{path}: not written, onnxruntime differs from torch by {found:.2g} > {CLOSENESS:g}.")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Exported(path, found, path.stat().st_size)


def traced(
    path: Path, graph: nn.Module, example: Sequence[Tensor], free: Mapping[str, Mapping[int, Any]] | None
) -> None:
    """Write the graph without looking at what it computes."""
    names = list(graph.inputs)  # type: ignore[arg-type]
    axes = None if free is None else tuple(dict(free.get(name, {})) for name in names)
    try:
        with quiet():
            torch.onnx.export(
                graph.eval(), tuple(example), path, input_names=names, output_names=list(graph.outputs),  # type: ignore[arg-type]
                dynamic_shapes=axes, dynamo=True, external_data=False, verbose=False,
            )  # fmt: skip
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ExportError(f"{path.name}: this network cannot be written as ONNX ({reason[0]}).") from error


def describe(path: Path, facts: Mapping[str, Any], defaults: Mapping[str, Tensor]) -> None:
    """Write facts into a file's metadata, each as a JSON text, and give inputs their defaults."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in facts.items()})
    model.graph.initializer.extend(onnx.numpy_helper.from_array(t.numpy(), name) for name, t in defaults.items())
    onnx.save(model, path)


def run(path: Path, graph: nn.Module, inputs: Sequence[Tensor]) -> list[np.ndarray]:
    """Return a file's outputs under onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; it warns of every input that has a default, which the state is to have
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    named = zip(graph.inputs, inputs, strict=True)  # type: ignore[arg-type]
    return session.run(None, {name: tensor.numpy() for name, tensor in named})


def difference(path: Path, graph: nn.Module, inputs: Sequence[Tensor], n_outputs: int | None = None) -> float:
    """Return the largest absolute difference between a file's outputs and torch's; infinite where shapes differ.

    Args:
        path: of the file.
        graph: what it was written from.
        inputs: of both.
        n_outputs: how many are compared, from the first on (None: all).
    """
    with torch.no_grad():
        expected = graph(*inputs)
    expected = [expected] if isinstance(expected, Tensor) else list(expected)[:n_outputs]
    found = run(path, graph, inputs)[:n_outputs]
    if [one.shape for one in found] != [tuple(one.shape) for one in expected]:
        return float("inf")
    gaps = [np.abs(a - b.numpy()).max(initial=0) for a, b in zip(found, expected, strict=True)]
    return float(max(gaps))


def write_int8(path: Path, source: Path, graph: nn.Module, trials: Sequence[Sequence[Tensor]]) -> Exported:
    """Write a version of an ONNX file whose convolutions have 8-bit weights and sum 8-bit values.

    Each layer's values are scaled as they come (dynamic quantisation). The front end stays in single precision, and so
    do convolutions of logarithms of shares.

    Returns:
        what is written, and how far its scores, the first output, lie from torch's: the loss. A state is no answer, and
        times say something only where a word is.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with quiet():
            quantize_dynamic(
                source, unfinished, op_types_to_quantize=["Conv"], weight_type=QuantType.QUInt8,
                nodes_to_exclude=readers_of_logarithms(source),
            )  # fmt: skip
        copy_facts(source, unfinished)
        found = max(difference(unfinished, graph, trial, n_outputs=1) for trial in trials)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Exported(path, found, path.stat().st_size)


def readers_of_logarithms(path: Path) -> list[str]:
    """Return the names of the convolutions that read logarithms of shares, whatever lies between but a convolution.

    In 8 bits these alone cost as much as all others together (recipes/RESULTS.md).
    """
    import onnx

    logarithms: set[str] = set()
    readers = []
    for node in onnx.load(path).graph.node:  # each behind those that it reads
        reads = not logarithms.isdisjoint(node.input)
        if node.op_type == "Conv":
            readers += [node.name] * reads
        elif reads or node.op_type == "LogSoftmax":
            logarithms.update(node.output)
    return readers


def copy_facts(source: Path, path: Path) -> None:
    """Give a file the metadata of another, in place of its own."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {one.key: one.value for one in onnx.load(source).metadata_props})
    onnx.save(model, path)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's advice, which is not for users, off their screen."""
    loggers = [logging.getLogger(name) for name in ("", *LOUD_LOGGERS)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
