"""VideoJobs, Jobs and pods as the operator observes them, for tests of its decisions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ecg_contract.host_protocol import PipelineError, ResultReference
from ecg_contract.stages import Stage
from ecg_contract.videojob.resource import Metadata, PodReport, VideoJob, VideoJobStatus
from ecg_contract.videojob.spec import VideoJobSource, VideoJobSpec
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.snapshot import Ended, Observed, ObservedJob, ObservedPod
from ecg_operator.settings import OperatorSettings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
UID = "0badcafe-0000-4000-8000-000000000000"
RESULT = ResultReference(
    location="configmaps:p-result-:1",
    sha256="00",
    bytes=2,
    segments=1,
    words=2,
    speakers=1,
    language="en",
    duration=3.0,
    processing_time=1.0,
)


def settings(**changes: Any) -> OperatorSettings:
    return OperatorSettings(namespace="ns", pipeline_image="pipeline:1", gpu_enabled=True, **changes)


def videojob(**spec: Any) -> VideoJob:
    source = VideoJobSource(url="https://media.example/v.mp4")
    metadata = Metadata(name="job", namespace="ns", uid=UID, resource_version="1", generation=1)
    return VideoJob(metadata=metadata, spec=VideoJobSpec(job_id="job", source=source, **spec))


class World:
    """A VideoJob whose plans are carried out at once; a test sets the states of its Job and pod."""

    def __init__(self, settings_: OperatorSettings | None = None, **spec: Any) -> None:
        self.settings = settings_ or settings()
        self.now = NOW
        self.videojob = videojob(**spec)
        self.jobs: dict[str, ObservedJob] = {}
        self.pods: dict[str, ObservedPod] = {}
        self.warnings: tuple[Any, ...] = ()
        self.seen_at = self.now
        """When the pod last gave a sign of life."""
        self.plans: list[Plan] = []

    @property
    def attempt(self) -> Any:
        return self.videojob.status.attempt

    @property
    def pod(self) -> ObservedPod:
        return self.pods[self.attempt.job_name]

    def observed(self) -> Observed:
        return Observed(
            self.videojob, tuple(self.jobs.values()), tuple(self.pods.values()), self.warnings, self.now - self.seen_at
        )

    def settle(self) -> Plan:
        """Reconcile until nothing changes any more; the last plan that changed something."""
        last = reconcile(self.observed(), self.settings, self.now)
        for _ in range(10):
            plan = reconcile(self.observed(), self.settings, self.now)
            if plan.status == self.videojob.status and not plan.acts:
                return last
            last = plan
            self.carry_out(plan)
        raise AssertionError("the plans do not come to an end")

    def carry_out(self, plan: Plan) -> None:
        self.plans.append(plan)
        if _life(plan.status) != _life(self.videojob.status):
            self.seen_at = self.now
        self.videojob = self.videojob.model_copy(update={"status": plan.status})
        for job in plan.delete_jobs:
            del self.jobs[job.name]
            self.pods.pop(job.name, None)
        if plan.create_job:
            self.add_job()

    def add_job(self, **changes: Any) -> None:
        name = self.attempt.job_name
        assert name not in self.jobs, "a Job is created twice"
        job = ObservedJob(name, f"uid-of-{name}", "job", UID, False, False, False, None, self.now)
        self.jobs[name] = replace(job, **changes)

    def change_job(self, **changes: Any) -> None:
        name = self.attempt.job_name
        self.jobs[name] = replace(self.jobs[name], **changes)

    def add_pod(self, **changes: Any) -> None:
        name = self.attempt.job_name
        job_uid = self.jobs[name].uid
        pod = ObservedPod(f"{name}-x", f"pod-of-{name}", "job", job_uid, self.now, "node", False, None, None, None)
        self.pods[name] = replace(pod, **changes)

    def change_pod(self, **changes: Any) -> None:
        self.pods[self.attempt.job_name] = replace(self.pod, **changes)

    def run_pod(self) -> None:
        """From nothing to a running pod that may report."""
        self.settle()
        self.add_pod()
        self.settle()
        self.change_pod(started=self.now)
        self.settle()

    def end_pod(self, exit_code: int | None = 1, **how: Any) -> Plan:
        self.change_pod(ended=Ended(exit_code, **how))
        return self.settle()

    def report(self, stage: Stage = Stage.COMPLETED, **fields: Any) -> Plan:
        self.put_report(stage, **fields)
        return self.settle()

    def put_report(self, stage: Stage = Stage.COMPLETED, **fields: Any) -> None:
        """The pod's report, which the operator has not seen yet."""
        report = PodReport(attempt=self.attempt.number, pod_uid=self.attempt.pod_uid, stage=stage, **fields)
        self.videojob = self.videojob.model_copy(
            update={"status": self.videojob.status.model_copy(update={"pipeline": report})}
        )
        self.seen_at = self.now

    def complete(self) -> Plan:
        return self.report(result=RESULT)

    def fail(self, error: PipelineError) -> Plan:
        return self.report(Stage.DOWNLOAD, error=error)

    def later(self, seconds: float) -> Plan:
        self.now += timedelta(seconds=seconds)
        return self.settle()

    def spec(self, **changes: Any) -> Plan:
        metadata = self.videojob.metadata.model_copy(update={"generation": self.videojob.metadata.generation + 1})
        spec = self.videojob.spec.model_copy(update=changes)
        self.videojob = self.videojob.model_copy(update={"spec": spec, "metadata": metadata})
        return self.settle()

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(c for c in self.videojob.status.conditions if c.type == kind)
        return found.status, found.reason


def _life(status: VideoJobStatus) -> object:
    """A new pod, or its start, is a sign of life, as it is for the operator's cache."""
    return status.attempt and (status.attempt.pod_uid, status.attempt.start_time)
