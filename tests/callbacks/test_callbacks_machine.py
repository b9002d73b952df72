"""The callback decisions under any order of stages, crashes, lost acknowledgements, retries, attempts and runs."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ecg_callbacks.decision import acknowledged, early_callback, failed_try, next_callback, redeliver, started
from ecg_callbacks.schedule import CATCH_UP
from ecg_callbacks.types import Due, Failure, JobFacts, Nothing, WaitUntil
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.errors import ErrorCode
from ecg_contract.stages import Stage

START = datetime(2026, 1, 1, tzinfo=UTC)
PROGRESS = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
TERMINAL_RANK = 1000

failures = st.builds(
    Failure,
    error=st.just("no answer"),
    http_status=st.sampled_from([None, 301, 404, 410, 413, 429, 500]),
    retry_after=st.none() | st.integers(0, 7200).map(lambda s: timedelta(seconds=s)),
)

moves = st.sampled_from(["stage"] * 4 + ["new_attempt", "completes", "fails", "new_run", "redelivery"])


def rank(due: Due) -> int:
    """Where a callback stands in the order of its run."""
    return TERMINAL_RANK + due.redelivery if due.is_terminal else due.progress or 0


def mark(due: Due) -> tuple[str, int | None]:
    return due.status, due.progress


class Callbacks(RuleBasedStateMachine):
    """One job, its host that dies at any moment, and a backend that answers or does not."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.facts = JobFacts(uid="u", job_id="j", callback_base="http://b")
        self.record = DeliveryRecord()
        self.received: list[Due] = []
        self.recorded: set[tuple[str, int]] = set()
        """The ids whose acknowledgement is recorded, each with its redelivery."""
        self.settled: set[tuple[int, int]] = set()
        """The runs and redeliveries whose terminal callback is settled."""

    def _facts(self, **change: object) -> None:
        old = self.facts
        values = {name: getattr(old, name) for name in JobFacts.__dataclass_fields__} | change
        self.facts = JobFacts(**values)

    def _save(self, record: DeliveryRecord) -> None:
        """Through JSON, as a host stores it."""
        self.record = DeliveryRecord.model_validate_json(record.to_json())
        assert len(record.to_json()) < 1024
        if self.record.terminal is not None:
            self.settled.add((self.record.run, self.record.redelivery))

    @rule(moves=st.lists(moves, min_size=1, max_size=3))
    def job_moves_on(self, moves: list[str]) -> None:
        for move in moves:
            getattr(self, "_" + move)()

    def _stage(self) -> None:
        if self.facts.terminal is None:
            self._facts(reached=PROGRESS[: len(self.facts.reached) + 1])

    def _new_attempt(self) -> None:
        if self.facts.terminal is None:
            self._facts(reached=())

    def _completes(self) -> None:
        if self.facts.terminal is None:
            self._facts(terminal="completed")

    def _fails(self) -> None:
        if self.facts.terminal is None:
            self._facts(terminal="failed", error_code=ErrorCode.PROCESSING_ERROR, error_message="why")

    def _new_run(self) -> None:
        if self.facts.terminal == "failed":
            self._facts(run=self.facts.run + 1, reached=(), terminal=None, error_code=None, error_message=None)

    def _redelivery(self) -> None:
        if self.facts.terminal is not None and self.facts.run == self.record.run:
            self._save(redeliver(self.record, self.now))

    @rule(seconds=st.sampled_from([1, 5, 40, 400, 4000, 300_000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(
        early=st.booleans(),
        patient=st.booleans(),
        outcome=st.sampled_from(["acknowledged"] * 3 + ["lost", "refused", "crash before", "crash after"]),
        meanwhile=st.lists(moves, max_size=2),
        failure=failures,
    )
    def try_next(self, early: bool, patient: bool, outcome: str, meanwhile: list[str], failure: Failure) -> None:
        due = self._decide(early, patient)
        if due is None:
            return
        if outcome not in ("refused", "crash before"):
            self.received.append(due)
        self.job_moves_on(meanwhile)
        if outcome == "acknowledged":
            after = acknowledged(self.record, due, self.now)
            if after != self.record:
                self.recorded.add((due.webhook_id, due.redelivery))
            self._save(after)
        elif outcome in ("lost", "refused"):
            self._save(failed_try(self.record, due, self.now, failure, lambda: 0.5))

    def _decide(self, early: bool, patient: bool) -> Due | None:
        """The callback that is due, recorded as started; a patient sender waits for it."""
        decision = next_callback(self.record, self.facts, self.now)
        if early:
            decision = early_callback(self.record, self.facts, self.now) or decision
        if isinstance(decision, WaitUntil) and patient:
            self.now = decision.time
            decision = next_callback(self.record, self.facts, self.now)
        if not isinstance(decision, Due):
            return None
        before = started(self.record, decision)
        if before != self.record:
            self._save(before)
        self._check(decision)
        return decision

    def _check(self, due: Due) -> None:
        assert (due.webhook_id, due.redelivery) not in self.recorded, "acknowledged and recorded, yet sent again"
        assert (due.run, due.redelivery) not in self.settled, "sent after the settled terminal callback"
        for earlier in self.received:
            assert earlier.run <= due.run
            if earlier.run == due.run:
                assert rank(earlier) <= rank(due), f"{rank(due)} after {rank(earlier)}"
                assert (mark(earlier) == mark(due)) == (earlier.webhook_id == due.webhook_id)

    def teardown(self) -> None:
        """Whatever happened: once the backend answers, the job ends and its terminal callback is settled."""
        if self.facts.terminal is None:
            self._facts(terminal="completed")
        for _ in range(20):
            match next_callback(self.record, self.facts, self.now):
                case Due() as due:
                    self._check(due)
                    self.received.append(due)
                    self._save(acknowledged(self.record, due, self.now))
                case WaitUntil(time):
                    assert self.now < time <= self.now + timedelta(hours=1.2)
                    self.now = time
                case _:
                    break
        assert self.record.terminal is not None
        assert self.record.run == self.facts.run


Callbacks.TestCase.settings = settings(
    max_examples=400, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCallbacks = Callbacks.TestCase


def drive(facts_in_order: list[JobFacts], failing: frozenset[int]) -> list[Due]:
    """What a backend acknowledges while the job's state moves on; the tries numbered in `failing` fail."""
    record, now, got, tries = DeliveryRecord(), START, [], 0
    for facts in facts_in_order:
        last = facts is facts_in_order[-1]
        while True:
            decision = next_callback(record, facts, now)
            if isinstance(decision, WaitUntil) and last:
                now = decision.time
                continue
            if not isinstance(decision, Due):
                break
            if tries in failing:
                record = failed_try(record, decision, now, Failure("HTTP 500", 500), lambda: 0.5)
            else:
                got.append(decision)
                record = acknowledged(record, decision, now)
            tries += 1
    return got


def histories() -> st.SearchStrategy[list[JobFacts]]:
    """A completed job as a host sees it: any number of looks at any of its states, the last one at its end."""
    counts = st.lists(st.integers(0, 6), max_size=8).map(sorted)
    looks = counts.map(lambda c: [JobFacts("u", "j", "http://b", reached=PROGRESS[:n]) for n in c])
    return looks.map(lambda seen: [*seen, JobFacts("u", "j", "http://b", reached=PROGRESS, terminal="completed")])


@given(histories())
def test_all_seven_reach_a_backend_that_answers(history: list[JobFacts]) -> None:
    got = drive(history, frozenset())
    assert [due.progress for due in got] == [10, 25, 40, 60, 75, 90, 100]


@given(histories(), st.integers(0, 6))
def test_one_failed_try_costs_no_callback(history: list[JobFacts], failing: int) -> None:
    got = [due.progress for due in drive(history, frozenset({failing}))]
    assert got == [10, 25, 40, 60, 75, 90, 100]


@given(histories(), st.lists(st.tuples(st.booleans(), st.floats(0, 4)), min_size=20, max_size=20))
def test_progress_holds_up_the_last_callback_for_seconds_only(
    history: list[JobFacts], tries: list[tuple[bool, float]]
) -> None:
    """Whether a try is acknowledged, and how long it takes, is arbitrary. The longest pause after a failure is 4 s."""
    record, now = DeliveryRecord(), START
    answers = itertools.chain(tries, itertools.repeat((True, 1.0)))
    for facts in history:
        looked = now
        while not isinstance(decision := next_callback(record, facts, now), Nothing):
            if isinstance(decision, WaitUntil):
                now = decision.time
                continue
            if decision.is_terminal:
                break
            (acknowledges, seconds), began = next(answers), now
            now += timedelta(seconds=seconds)
            if decision.until is not None:
                assert began < decision.until
                now = min(now, decision.until)
            if acknowledges:
                record = acknowledged(record, decision, now)
            else:
                record = failed_try(record, decision, now, Failure("HTTP 500", 500), lambda: 0.5)
        if facts.terminal is not None:
            assert now - looked <= CATCH_UP + timedelta(seconds=4)
