"""What the operator counts of completed jobs."""

from ecg_contract.host_protocol import Part, PartUsage
from ecg_operator.runtime.metrics import Metrics
from support.observations import RESULT, World

PARTS = {part: PartUsage(seconds=number, cpu_seconds=1, memory_bytes=1) for number, part in enumerate(Part, 1)}


def test_a_completed_job_counts_the_seconds_of_its_parts_once() -> None:
    metrics, world = Metrics(), World()
    world.run_pod()
    world.report(parts=PARTS, result=RESULT)
    world.end_pod(0)
    world.later(60)
    for plan in world.plans:
        metrics.plan_applied(plan)
    sample = metrics.registry.get_sample_value
    for part, usage in PARTS.items():
        assert sample("ecg_part_seconds_count", {"part": part}) == 1
        assert sample("ecg_part_seconds_sum", {"part": part}) == usage.seconds
    assert sample("ecg_real_time_factor_sum") == RESULT.processing_time / RESULT.duration


def test_a_failed_job_counts_none() -> None:
    metrics, world = Metrics(), World()
    world.run_pod()
    world.report(parts=PARTS)
    world.end_pod(12)
    for plan in world.plans:
        metrics.plan_applied(plan)
    assert metrics.registry.get_sample_value("ecg_real_time_factor_count") == 0
    assert metrics.registry.get_sample_value("ecg_part_seconds_count", {"part": "vad"}) == 0
