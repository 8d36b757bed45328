"""Mistyped keys and values of a run: each must stop it before it begins, with a sentence that names the key."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torture

from speechcnn.arguments import SettingsError, choose, signature_of
from speechcnn.configuration import compose
from speechcnn.experiments import phones

FULL, QUICK = 200, 12
# What a value may be written as, by the kind of value it would be right for.
LITERALS = {
    "int": ("7",),
    "float": ("1.5",),
    "not finite": ("nan", "inf", "-inf", "1e999"),
    "too long": (str(10**30),),
    "bool": ("true",),
    "null": ("null",),
    "text": ("many", "'7 '"),
    "list": ("[many]", "[[1]]"),
    "mapping": ("{a: 1}", "{_target_: os.system}"),
}
OUT_OF_RANGE = """
seed=-1 threads=0 threads=100000 folder='' corpus.seed=-1 corpus.size=huge
features.n_bands=0 features.n_bands=1000000 features.deltas=-1 features.deltas=50 features.rate=0
features.rate=999999999 features.window_ms=0 features.window_ms=1e9 features.shift_ms=-10 features.shift_ms=1e-9
features.low_hz=-1 features.low_hz=9000 features.high_hz=10 features.high_hz=9000 features.preemphasis=2
features.triangles=bark features.name=spectrum normalisation.kind=bark
model.name=resnet model.pool=0 model.pool=40 model.maps=1000000000000 model.span=0 model.span=400 model.pool_shift=0
model.hidden=[] model.hidden=[0] model.hidden=[1000000000000] model.context=4 model.context=-1 model.dropout=1.5
model.dropout=-0.1 task.label_smoothing=1 task.label_smoothing=-1
optimizer.name=lion optimizer.lr=0 optimizer.lr=-1 optimizer.lr=1e9 optimizer.weight_decay=-1
schedule.name=cosine schedule.rise=0 schedule.rise=1.5
training.epochs=0 training.batch_frames=0 training.clip_norm=0 training.clip_norm=-1 training.patience=-1
training.precision=fp8 alignment.rounds=-1 alignment.rounds=100000 decoding.lm_scales=[] decoding.lm_scales=[1e9]
decoding.insertion_penalties=[] decoding.insertion_penalties=[-1e9] decoding.prior_scale=1e9
model=resnet features=spectrum optimizer=lion schedule=cosine experiment=fast corpus=other
~model model@other=dnn +model.layers=3 hydra.run.dir=x seeds seed=[1 seed=range(1,100000000)
""".split()  # noqa: SIM905  seventy words in quotes would be harder to read


def places() -> Iterator[tuple[str, Any]]:
    """Every key of the experiment with its type hint."""
    settings = compose(phones)
    for part, target in phones.PARTS.items():
        builder = choose(part, target, dict(settings[part]))
        hints = signature_of(builder).items()
        yield from ((f"{part}.{key}", hint) for key, hint in hints if key not in phones.DERIVED)
    yield from {"seed": int, "folder": str, "init": str | None, "threads": int | None}.items()


def fitting(hint: Any) -> set[str]:
    """The kinds of literals that a hint takes, said here anew."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(fitting, inner))
    if origin is typing.Literal or (isinstance(origin, type) and issubclass(origin, Sequence | Mapping)):
        return set()  # none of the literals stands in a list of choices or is a list of numbers
    return {int: {"int"}, float: {"int", "float"}, bool: {"bool"}, str: {"text"}, type(None): {"null"}}[hint]


def wrong_values() -> list[str]:
    return [
        f"{place}={literal}"
        for place, hint in places()
        for kind, literals in LITERALS.items()
        for literal in literals
        if kind not in fitting(hint)
    ]


def wrong_keys() -> list[str]:
    """Every key with a letter left out, and doubled."""
    known = {place.rsplit(".", 1)[-1] for place, _ in places()}
    return [
        f"{place[: len(place) - len(key)]}{wrong}=1"
        for place, key in ((place, place.rsplit(".", 1)[-1]) for place, _ in places())
        for wrong in (key[:-1], key + key[-1])
        if wrong not in known
    ]


def fault(override: str) -> str:
    """What is wrong with the answer to a wrong setting; "" when it is a sentence that names the key."""
    key = override.split("=")[0].lstrip("+~").split("@")[0].rsplit(".", 1)[-1]
    try:
        phones.PhoneExperiment(compose(phones, [override]))
    except SettingsError as error:
        said = str(error)
        good = key in said and "Traceback" not in said and "\n" not in said and len(said) < 1000
        return "" if good else f"{override}: {said[:200]}"
    except BaseException as error:
        return f"{override}: {type(error).__name__}: {error}"[:200]
    return f"{override} was taken"


def wrong_settings(quick: bool) -> torture.Result:
    n_cases, rng = QUICK if quick else FULL, torture.rng("wrong_settings")
    groups = (OUT_OF_RANGE, wrong_keys(), wrong_values())
    shares = [n_cases // 3, n_cases // 3, n_cases - 2 * (n_cases // 3)]
    cases = [
        group[int(index)]
        for group, share in zip(groups, shares, strict=True)
        for index in rng.permutation(len(group))[:share]
    ]
    cases += [case for case in wrong_values() if case not in cases][: n_cases - len(cases)]
    faults = list(filter(None, map(fault, cases)))
    return torture.Result(
        "wrong_settings",
        f"{len(cases) - len(faults)} of {len(cases)} stop with the key's name",
        f"{n_cases} of {n_cases}",
        not faults and len(cases) == n_cases,
        detail="; ".join(faults[:8]),
    )


def trials() -> dict[str, torture.Trial]:
    return {"wrong_settings": wrong_settings}
