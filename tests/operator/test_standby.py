"""Which standby Jobs are created and removed, and which pods are offered."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ecg_contract.videojob.resource import Profile
from ecg_operator.decide.standby import plan_standby, wanted_standby
from ecg_operator.observe.snapshot import Ended, ObservedJob
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


def test_none_is_wanted_while_a_job_waits_for_a_node_or_after_an_idle_time() -> None:
    chosen, none = settings(standby_gpu=1, standby_cpu=2, standby_idle_s=600), {Profile.GPU: 0, Profile.CPU: 0}
    short, long = timedelta(seconds=599), timedelta(seconds=600)
    assert wanted_standby(chosen, short, is_node_needed=False) == {Profile.GPU: 1, Profile.CPU: 2}
    assert wanted_standby(chosen, short, is_node_needed=True) == none
    assert wanted_standby(chosen, long, is_node_needed=False) == none
    always = settings(standby_cpu=2)
    assert wanted_standby(always, timedelta(days=9), is_node_needed=False)[Profile.CPU] == 2


def test_without_gpus_no_gpu_pod_stands_by() -> None:
    chosen = settings(standby_gpu=1).model_copy(update={"gpu_enabled": False})
    assert wanted_standby(chosen, timedelta(0), is_node_needed=False)[Profile.GPU] == 0
