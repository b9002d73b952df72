"""The cores that all engines share: tasks in order, no more at a time than there are cores."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_pipeline.engines.cores import Cores, available_cores


class Crowd:
    """Counts the tasks that run; each waits until as many as `wanted` are there, or the first has seen them."""

    def __init__(self, wanted: int) -> None:
        self._there = threading.Barrier(wanted)
        self._lock = threading.Lock()
        self.running = self.most = 0

    def task(self, number: int) -> int:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self._there.wait(10)
        with self._lock:
            self.running -= 1
        return number * 10


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_tasks_run_as_there_are_cores_and_results_keep_their_order(count: int) -> None:
    crowd = Crowd(count)
    assert list(Cores(count).map(crowd.task, range(6))) == [0, 10, 20, 30, 40, 50]
    assert crowd.most == count


def test_two_users_share_the_cores() -> None:
    cores, crowd = Cores(2), Crowd(2)
    found: list[list[int]] = []
    users = [threading.Thread(target=lambda: found.append(list(cores.map(crowd.task, range(4))))) for _ in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join(20)
    assert found == [[0, 10, 20, 30]] * 2
    assert crowd.most == 2


def test_items_are_taken_as_cores_become_free() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = Cores(2).map(str, items())
    assert next(results) == "0"
    assert len(taken) <= 5, "two running, two waiting, one returned"


def test_a_failed_task_raises_and_the_others_are_not_begun() -> None:
    cores, begun = Cores(1), list[int]()

    def task(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("number 1")

    with pytest.raises(ValueError, match="number 1"):
        list(cores.map(task, range(50)))
    assert list(cores.map(str, [0])) == ["0"], "runs after all that was begun by mistake"
    assert len(begun) <= 4


def test_a_failed_task_raises_when_its_neighbours_have_ended() -> None:
    """A smaller batch that is tried after exhausted memory must not meet the larger ones."""
    beside, ended = threading.Event(), list[int]()

    def task(number: int) -> None:
        if number == 0:
            assert beside.wait(10)
            raise MemoryError
        beside.set()
        threading.Event().wait(0.2)  # goes on after the failure
        ended.append(number)

    with pytest.raises(MemoryError):
        list(Cores(2).map(task, range(2)))
    assert ended == [1]


def test_on_a_gpu_one_item_follows_the_other_in_the_caller_s_thread() -> None:
    cores, caller = Cores(2), threading.get_ident()
    assert list(cores.mapper("cuda")(lambda _: threading.get_ident(), range(3))) == [caller] * 3
    assert caller not in set(cores.mapper("cpu")(lambda _: threading.get_ident(), range(3)))


def test_a_limit_holds_for_the_next_tasks() -> None:
    cores = Cores(3)
    cores.limit(1)
    crowd = Crowd(1)
    assert list(cores.map(crowd.task, range(5))) == [0, 10, 20, 30, 40]
    assert (cores.count, crowd.most) == (1, 1)


def test_the_control_group_s_quota_bounds_the_cores(tmp_path: Path) -> None:
    without = available_cores(tmp_path)
    assert without >= 1
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert available_cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert available_cores(tmp_path) == 1, "never none"
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cores(tmp_path) == without
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    for quota, cores in (("-1", without), ("120000", 1)):
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
        assert available_cores(tmp_path) == cores
