"""Which standby Jobs are created and removed, and which pods are offered."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ecg_contract.videojob.resource import Profile
from ecg_operator.decide.standby import plan_standby, wanted_standby
from ecg_operator.observe.owned_objects import OwnedObjects
from ecg_operator.observe.snapshot import Ended, ObservedJob, ObservedPod, observed_job, observed_pod
from ecg_operator.observe.standby import Standby
from support.observations import NOW, settings

CONFIG = {Profile.GPU: "now", Profile.CPU: "now"}


def job(name: str, age_s: float = 0, **changes: Any) -> ObservedJob:
    made = ObservedJob(
        name=name,
        uid=name,
        videojob="",
        owner_uid=None,
        deleted=False,
        suspended=False,
        succeeded=False,
        failed=None,
        created=NOW - timedelta(seconds=age_s),
        standby=Profile.CPU,
        config="now",
    )
    return replace(made, **changes)


def planned(*jobs: ObservedJob, cpu: int = 0, gpu: int = 0) -> tuple[list[str], list[Profile]]:
    plan = plan_standby(jobs, {Profile.CPU: cpu, Profile.GPU: gpu}, CONFIG, NOW)
    return [one.name for one in plan.delete], list(plan.create)


def test_what_is_missing_is_created_and_what_is_too_much_is_removed_the_newest_first() -> None:
    old, new = job("old", 60), job("new", 1)
    assert planned(cpu=2, gpu=1) == ([], [Profile.GPU, Profile.CPU, Profile.CPU])
    assert planned(old, new, cpu=2) == ([], [])
    assert planned(old, new, cpu=1) == (["new"], [])
    assert planned(old, new) == (["old", "new"], [])


def test_one_that_is_being_deleted_counts_no_more() -> None:
    assert planned(job("going", deleted=True), cpu=1) == ([], [Profile.CPU])


def test_one_of_another_configuration_is_replaced_at_once() -> None:
    assert planned(job("older", config="before"), cpu=1) == (["older"], [Profile.CPU])


def test_one_that_fails_at_once_is_replaced_after_a_minute() -> None:
    """Models that are missing let every pod fail: no Job is created in a loop."""
    failed = Ended(exit_code=13)
    assert planned(job("broken", 59, failed=failed), cpu=1) == ([], [])
    assert planned(job("broken", 60, failed=failed), cpu=1) == (["broken"], [Profile.CPU])
    plan = plan_standby([job("broken", 20, failed=failed)], {Profile.CPU: 1, Profile.GPU: 0}, CONFIG, NOW)
    assert plan.again_at == NOW + timedelta(seconds=40)


def test_none_stands_by_while_a_job_waits_for_a_node_or_after_an_idle_time() -> None:
    chosen, none = settings(standby_gpu=1, standby_cpu=2, standby_idle_s=600), {Profile.GPU: 0, Profile.CPU: 0}
    short, long = timedelta(seconds=599), timedelta(seconds=600)
    assert wanted_standby(chosen, short, is_none_wanted=False) == {Profile.GPU: 1, Profile.CPU: 2}
    assert wanted_standby(chosen, short, is_none_wanted=True) == none
    assert wanted_standby(chosen, long, is_none_wanted=False) == none
    always = settings(standby_cpu=2)
    assert wanted_standby(always, timedelta(days=9), is_none_wanted=False)[Profile.CPU] == 2


def test_without_gpus_no_gpu_pod_stands_by() -> None:
    chosen = settings(standby_gpu=1).model_copy(update={"gpu_enabled": False})
    assert wanted_standby(chosen, timedelta(0), is_none_wanted=False)[Profile.GPU] == 0


class Offered:
    """A `Standby` with the caches that it reads."""

    def __init__(self) -> None:
        self.named: set[str] = set()
        self.jobs: OwnedObjects[ObservedJob] = OwnedObjects(observed_job, {}, lambda _: None)
        self.pods: OwnedObjects[ObservedPod] = OwnedObjects(observed_pod, {}, lambda _: None)
        self.standby = Standby(self.jobs, self.pods, self.named.__contains__)
        self.standby.config = CONFIG
        self._version = 0

    def add(self, name: str, *, age_s: int = 0, ready: str = "True", config: str = "now", videojob: str = "") -> None:
        """A Job and its pod."""
        self._version += 1
        labels = {"ecg-analyzer.io/videojob": videojob, "ecg-analyzer.io/standby": "cpu"}
        labels["ecg-analyzer.io/standby-config"] = config
        metadata = {"labels": labels, "creationTimestamp": (NOW - timedelta(seconds=age_s)).isoformat()}
        metadata |= {"resourceVersion": str(self._version)}
        self.jobs.put({"metadata": {**metadata, "name": name, "uid": name}, "spec": {}})
        owner = {"kind": "Job", "uid": name}
        pod = {**metadata, "name": f"{name}-pod", "uid": f"{name}-pod", "ownerReferences": [owner]}
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        self.pods.put({"metadata": pod, "spec": {"nodeName": "n"}, "status": status})

    @property
    def offered(self) -> list[str]:
        return [one.job.name for one in self.standby.offers("uid").values()]


def test_the_oldest_ready_pod_of_this_configuration_is_offered() -> None:
    world = Offered()
    world.add("loading", age_s=90, ready="False")
    world.add("outdated", age_s=80, config="before")
    world.add("newer", age_s=10)
    assert world.offered == ["newer"]
    world.add("older", age_s=20)
    assert world.offered == ["older"]


def test_a_pod_is_offered_to_nobody_else_from_the_moment_on_at_which_it_is_taken() -> None:
    """In this process at once; then because a status names its Job; then because of its label."""
    world = Offered()
    world.add("one")
    with world.standby.taking("one") as may_take:
        assert may_take
        assert world.offered == []
        with world.standby.taking("one") as again:
            assert not again
        world.named.add("one")
    assert world.offered == []
    world.named.clear()
    world.add("one", videojob="somebody")
    assert world.offered == []


def test_a_node_is_needed_while_a_pod_finds_none() -> None:
    world = Offered()
    changes: list[bool] = []
    world.standby.on_change = lambda: changes.append(world.standby.is_node_needed)
    created = {"creationTimestamp": NOW.isoformat(), "labels": {"ecg-analyzer.io/videojob": "v"}}
    metadata = {"name": "p", "uid": "p", "resourceVersion": "1", **created}
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    pod = observed_pod({"metadata": metadata, "spec": {}, "status": {"conditions": [unscheduled]}})
    world.standby.update_waiting("v", [pod])
    world.standby.update_waiting("v", [pod])
    assert world.standby.is_node_needed
    world.standby.update_waiting("v", [])
    assert changes == [True, False]
