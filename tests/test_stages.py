from __future__ import annotations

from speechcnn.stages import Chain, Map, through


class Pairs:
    """Gives out the sum of every two numbers, at the end what is left over."""

    def start(self) -> tuple[int, ...]:
        return ()

    def step(self, piece: int, state: tuple[int, ...]) -> tuple[list[int], tuple[int, ...]]:
        return ([state[0] + piece], ()) if state else ([], (piece,))

    def finish(self, state: tuple[int, ...]) -> list[int]:
        return list(state)


def test_what_a_stage_gives_out_goes_through_the_next_also_at_the_end() -> None:
    # 1..7 -> 3 7 11 7 -> 4 8 12 8 -> 12 20
    chain = Chain([Pairs(), Map(lambda n: n + 1), Pairs()])
    assert list(through(chain, range(1, 8))) == [12, 20]
    # 1..5 -> 3 7 5 -> 4 8 6 -> 12 6
    assert list(through(chain, range(1, 6))) == [12, 6]


def test_a_piece_comes_out_as_soon_as_it_is_ready() -> None:
    taken: list[int] = []

    def source():
        for n in range(1, 9):
            taken.append(n)
            yield n

    first = next(through(Chain([Pairs(), Pairs()]), source()))
    assert (first, taken) == (10, [1, 2, 3, 4])


def test_a_state_may_be_gone_on_from_twice() -> None:
    chain = Chain([Pairs(), Pairs()])
    _, state = chain.step(1, chain.start())
    first, again = chain.step(2, state), chain.step(2, state)
    assert first == again == ([], ((), (3,)))
    assert chain.finish(state) == [1]


def test_an_empty_stream_gives_nothing() -> None:
    assert list(through(Chain([Pairs(), Map(str)]), [])) == []
