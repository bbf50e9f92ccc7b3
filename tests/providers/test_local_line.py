"""Who is next in the gateway's own line, which worker a call goes to, and how long that is predicted to take."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.base import Call
from providers.local.choice import LORA_SECONDS, Chance, best, predicted_wait
from providers.local.line import Line, Place
from providers.local.prediction import GUESS, Work, learned, loras_of, seconds_of, work_of
from providers.local.status import MOST_CALLS, PLAIN, Drawable, Pace, Status, read_status

seconds = st.floats(0.1, 50)
teams = st.sampled_from(["ada", "bob", "cy"])
chances = st.builds(
    Chance,
    worker=st.sampled_from(["a", "b", "c", "d"]),
    busy=st.floats(0, 100),
    seconds=seconds,
    loading=st.floats(0, 30),
    room=st.integers(0, 4),
    idle=st.booleans(),
    turns=st.integers(0, 9),
)
places = st.builds(Place[None], st.none(), teams, st.sampled_from(["x", "y"]), st.booleans(), seconds)


def everybody(_place: Place[None]) -> bool:
    return True


def drained(line: Line[None]) -> list[Place[None]]:
    served: list[Place[None]] = []
    while (place := line.first(everybody)) is not None:
        line.take(place)
        served.append(place)
    return served


@settings(max_examples=40)
@given(st.lists(places, max_size=30))
def test_all_are_served_once_who_is_waited_for_first_and_each_team_in_its_order(those: list[Place[None]]) -> None:
    line: Line[None] = Line()
    for place in those:
        line.add(place)
    assert len(line) == len(those)
    served = drained(line)
    assert len(line) == 0
    assert sorted(place.number for place in served) == list(range(len(those)))
    assert [place.waited_for for place in served] == sorted((place.waited_for for place in those), reverse=True)
    for team in {place.team for place in those}:
        for waited_for in (True, False):
            numbers = [each.number for each in served if (each.team, each.waited_for) == (team, waited_for)]
            assert numbers == sorted(numbers)


@settings(max_examples=40)
@given(st.lists(st.tuples(teams, seconds), min_size=2, max_size=60))
def test_between_teams_that_wait_all_the_while_nobody_gets_ahead_by_more_than_a_call_each(
    those: list[tuple[str, float]],
) -> None:
    line: Line[None] = Line()
    for team, long in those:
        line.add(Place(None, team, "x", waited_for=True, seconds=long))
    longest = max(long for _team, long in those)
    left, spent = Counter(team for team, _long in those), Counter[str]()
    for place in drained(line):
        spent[place.team] += place.seconds  # pyright: ignore[reportArgumentType] - a Counter adds up floats too
        left[place.team] -= 1
        waiting = [spent[team] for team in left if left[team] > 0]
        for one, other in pairwise(sorted(waiting)):
            assert other - one <= 2 * longest + 1e-6


@settings(max_examples=40)
@given(st.lists(places, min_size=1, max_size=20), st.data())
def test_who_comes_back_has_his_old_place_and_pays_once(those: list[Place[None]], data: st.DataObject) -> None:
    line: Line[None] = Line()
    for place in those:
        line.add(place)
    order = [place.number for place in drained_copy(those)]
    refused = data.draw(st.integers(0, len(those) - 1))
    served: list[int] = []
    while (place := line.first(everybody)) is not None:
        line.take(place)
        if len(served) == refused:
            line.add(place)
            assert line.first(lambda each: each is place) is place
            line.remove(place)
        served.append(place.number)
    assert served == order


def drained_copy(those: list[Place[None]]) -> list[Place[None]]:
    line: Line[None] = Line()
    for place in those:
        line.add(Place(None, place.team, place.kind, place.waited_for, place.seconds))
    return drained(line)


def test_a_team_that_was_away_has_saved_up_nothing() -> None:
    line: Line[None] = Line()
    for _ in range(5):
        line.add(Place(None, "busy", "x", waited_for=True, seconds=10))
    drained(line)
    for team in ("new", "busy", "new", "busy"):
        line.add(Place(None, team, "x", waited_for=True, seconds=10))
    assert [place.team for place in drained(line)] == ["new", "busy", "new", "busy"]


def test_who_cannot_be_served_now_holds_up_nobody() -> None:
    line: Line[None] = Line()
    line.add(Place(None, "ada", "away", waited_for=True, seconds=1))
    line.add(Place(None, "ada", "here", waited_for=True, seconds=1))
    first = line.first(lambda place: place.kind == "here")
    assert first is not None and first.kind == "here"
    assert line.first(lambda place: False) is None


def test_what_comes_before_a_call_that_comes_now() -> None:
    line: Line[None] = Line()
    for long in (5.0, 5.0, 5.0):
        line.add(Place(None, "many", "x", waited_for=True, seconds=long))
    line.add(Place(None, "many", "x", waited_for=False, seconds=100))
    ahead = {
        (team, waited_for): line.ahead(team, 2.0, waited_for=waited_for, may=everybody)
        for team in ("many", "new")
        for waited_for in (True, False)
    }
    assert ahead == {("many", True): 15, ("new", True): 2, ("many", False): 115, ("new", False): 15 + 2}
    assert line.ahead("new", 2.0, waited_for=True, may=lambda place: False) == 0


@settings(max_examples=40)
@given(st.lists(chances, max_size=8), st.booleans(), st.lists(st.sampled_from(["a", "b"]), max_size=2))
def test_the_worker_that_is_done_first_of_those_that_may(
    those: list[Chance], waited_for: bool, avoid: list[str]
) -> None:
    chosen = best(those, waited_for=waited_for, avoid=avoid)
    may = [each for each in those if each.room > 0 and (waited_for or each.idle)]
    if chosen is None:
        assert not may
        return
    assert chosen in may
    rivals = [each for each in may if each.worker not in avoid] or may
    assert chosen in rivals
    done = chosen.busy + chosen.loading + chosen.seconds
    assert all(done <= each.busy + each.loading + each.seconds for each in rivals)


def test_a_model_or_lora_that_is_there_is_worth_a_short_wait() -> None:
    there = Chance("there", busy=LORA_SECONDS - 0.5, seconds=3)
    elsewhere = Chance("elsewhere", busy=0, seconds=3, loading=LORA_SECONDS)
    assert best([elsewhere, there], waited_for=True) is there
    assert best([elsewhere, Chance("there", busy=LORA_SECONDS + 0.5, seconds=3)], waited_for=True) is elsewhere


def test_equal_workers_take_turns() -> None:
    assert best([Chance("a", 0, 1, turns=3), Chance("b", 0, 1, turns=2)], waited_for=True) == Chance("b", 0, 1, turns=2)


@settings(max_examples=40)
@given(st.lists(chances, min_size=1, max_size=8), st.floats(0, 1000), st.floats(0, 100))
def test_a_longer_line_is_never_predicted_to_be_shorter(those: list[Chance], ahead: float, more: float) -> None:
    first, then = predicted_wait(those, ahead), predicted_wait(those, ahead + more)
    assert first is not None and then is not None and 0 <= first <= then + 1e-9


def test_the_wait_of_a_line_before_several_workers() -> None:
    two = [Chance("a", busy=10, seconds=1, idle=False), Chance("b", busy=20, seconds=1, idle=False)]
    assert (predicted_wait(two, 0), predicted_wait(two, 30), predicted_wait([], 5)) == (15, 30, None)
    assert predicted_wait([*two, Chance("c", busy=0, seconds=1)], 0) == 0


def call(**payload: object) -> Call:
    return Call("req_1.1", "m", "generate", payload, 2, "bytes")


def test_what_a_call_asks_for() -> None:
    assert work_of(call(size="512x256", num_inference_steps=10)) == Work(2, 512 * 256, 10)
    assert work_of(call(width=512, height=256)) == Work(2, 512 * 256, None)
    assert work_of(call(size="auto", num_inference_steps="x")) == Work(2)
    assert loras_of(call(loras=[{"model": "a.safetensors"}, {"model": 7}, "x"])) == {"a.safetensors"}
    assert loras_of(call(loras="x")) == frozenset()


def test_seconds_by_what_is_told_then_measured_then_guessed() -> None:
    work, told = Work(2, 1_000_000, 10), Drawable(Pace(1, 0.5))
    measured = learned(None, work, Drawable(), 40.0)
    assert seconds_of(work, told, measured) == 2 * (1 + 10 * 0.5)
    assert seconds_of(work, None, measured) == 40
    assert seconds_of(work) == 2 * (GUESS.per_picture + 10 * GUESS.per_megapixel_step)
    assert seconds_of(Work(1), Drawable(Pace(0, 1), pixels=2_000_000, steps=3)) == 6
    again = learned(measured, work, Drawable(), 20.0)
    assert measured.per_megapixel_step > again.per_megapixel_step > measured.per_megapixel_step / 2


def test_what_a_worker_tells() -> None:
    model = {
        "id": "m",
        "sizes": {"default": "1024x512"},
        "steps": {"default": 30},
        "pace": {"seconds_per_picture": 0.5, "seconds_per_megapixel_step": 0.25},
    }
    told = {
        "engine": "diffusers",
        "ready": False,
        "draining": True,
        "models": [model, {"id": "bare"}],
        "running": 2,
        "waiting": 3,
        "together": 4,
        "replicas": 2,
        "queue_seconds": 7.5,
        "loras": [{"name": "ink", "digest": "x"}],
        "loading": {"what": "loading the transformer", "share": 0.4},
    }
    assert read_status(told) == Status(
        models={"m": Drawable(Pace(0.5, 0.25), 1024 * 512, 30), "bare": Drawable()},
        ready=False,
        draining=True,
        running=2,
        waiting=3,
        together=4,
        replicas=2,
        queue_seconds=7.5,
        loras=frozenset({"ink"}),
        loading="loading the transformer (40%)",
        engine="diffusers",
    )
    assert read_status({}) == PLAIN


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = ["models", "ready", "running", "together", "replicas", "queue_seconds", "loras", "loading", "engine"]


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(names), values))
def test_whatever_a_worker_tells_is_taken_within_bounds(told: dict[str, object]) -> None:
    status = read_status(told)
    assert 0 <= status.running <= MOST_CALLS and 1 <= status.together <= MOST_CALLS and status.replicas >= 1
    assert 0 <= status.queue_seconds < float("inf")
