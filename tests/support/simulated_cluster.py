"""A namespace in which time is simulated: the operator's real cache, queue and decisions, on objects held in memory."""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ecg_contract.host_protocol import ResultReference
from ecg_contract.videojob.resource import Metadata, PodReport, VideoJob
from ecg_contract.videojob.spec import VideoJobSource, VideoJobSpec
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.settings import OperatorSettings
from support.observations import NOW, RESULT

_LABEL = "ecg-analyzer.io/videojob"


class SimulatedCluster:
    """Pods run at once and work for `work_s` seconds; `log` tells what began and ended, in order."""

    def __init__(self, settings: OperatorSettings, work_s: float) -> None:
        self.settings, self.work_s = settings, work_s
        self.now = NOW
        self.log: list[tuple[str, str]] = []
        self.most_jobs = 0
        self._versions = itertools.count(1)
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._woken: dict[str, None] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._pods: list[dict[str, Any]] = []
        self.cache = Cache(self._seconds, JobQueue(settings.max_active_jobs, self._wake))

    def _seconds(self) -> float:
        return self.now.timestamp()

    def submit(self, name: str, **spec: Any) -> None:
        source = VideoJobSource(url="https://media.example/v.mp4")
        metadata = Metadata(name=name, namespace="ns", uid=f"uid-of-{name}", generation=1)
        self._put(VideoJob(metadata=metadata, spec=VideoJobSpec(job_id=name, source=source, **spec)))
        self._settle()

    def run(self, hours: float) -> None:
        """Let time pass, from one thing that is due to the next."""
        end = self.now + timedelta(hours=hours)
        while self._due and self._due[0][0] <= end:
            self.now, _, act = heapq.heappop(self._due)
            act()
            self._settle()
        self.now = end

    def restart_operator(self) -> None:
        """Another operator lists everything, in the order of names."""
        old, self.cache = self.cache, Cache(self._seconds, JobQueue(self.settings.max_active_jobs, self._wake))
        for name in sorted(old.videojobs.names()):
            videojob = old.videojobs.get(name)
            assert videojob is not None
            self.cache.videojobs.put(videojob.to_manifest())
            self._wake(name)
        for job in self._jobs.values():
            self.cache.jobs.put(job)
        for pod in self._pods:
            self.cache.pods.put(pod)
        self._settle()

    def check_watches(self) -> None:
        """What the check of the watches does every 30 s: reconcile all that is not finished."""
        for name in self.cache.videojobs.names_at_work():
            self._wake(name)
        self._settle()

    def videojob(self, name: str) -> VideoJob:
        found = self.cache.videojobs.get(name)
        assert found is not None
        return found

    def suspend_jobs(self, *, suspended: bool) -> None:
        """As a queue such as Kueue does."""
        for job in self._jobs.values():
            job["spec"]["suspend"] = suspended
            self._put_job(job)
            if not suspended:
                self._begin(job["metadata"]["labels"][_LABEL], job)
        self._settle()

    def _wake(self, name: str) -> None:
        self._woken[name] = None

    def _settle(self) -> None:
        while self._woken:
            name = next(iter(self._woken))
            del self._woken[name]
            self._reconcile(name)

    def _reconcile(self, name: str) -> None:
        observed = self.cache.observe(name)
        if observed is None:
            return
        plan = reconcile(observed, self.settings, self.now)
        if plan.status != observed.videojob.status or plan.create_job:
            self._carry_out(observed.videojob, plan)
            self._wake(name)
        elif plan.again_at is not None:
            self._later(plan.again_at - self.now, lambda: self._wake(name))

    def _carry_out(self, videojob: VideoJob, plan: Plan) -> None:
        videojob = videojob.model_copy(update={"status": plan.status})
        self._put(videojob)
        for job in plan.delete_jobs:
            self.cache.jobs.drop(self._jobs.pop(job.name)["metadata"]["uid"])
        if plan.create_job:
            self._create_job(videojob)

    def _create_job(self, videojob: VideoJob) -> None:
        name, attempt = videojob.metadata.name, videojob.status.attempt
        assert attempt is not None
        owner = {"kind": "VideoJob", "uid": videojob.metadata.uid}
        metadata: dict[str, Any] = {
            "name": attempt.job_name,
            "uid": f"uid-of-{attempt.job_name}",
            "labels": {_LABEL: name},
        }
        metadata |= {"ownerReferences": [owner], "creationTimestamp": self.now.isoformat()}
        job: dict[str, Any] = {"metadata": metadata, "spec": {"suspend": self.suspends_new_jobs}, "status": {}}
        self._jobs[attempt.job_name] = job
        self._put_job(job)
        self.most_jobs = max(self.most_jobs, len([job for job in self._jobs.values() if not _has_ended(job)]))
        self.log.append(("begins", name))
        if not self.suspends_new_jobs:
            self._begin(name, job)

    suspends_new_jobs = False

    def _begin(self, name: str, job: dict[str, Any]) -> None:
        owner = {"kind": "Job", "uid": job["metadata"]["uid"]}
        metadata: dict[str, Any] = {"name": f"{job['metadata']['name']}-x", "uid": f"pod-of-{job['metadata']['name']}"}
        metadata |= {"labels": {_LABEL: name}, "ownerReferences": [owner], "creationTimestamp": self.now.isoformat()}
        running = {"name": "pipeline", "state": {"running": {"startedAt": self.now.isoformat()}}}
        pod = {"metadata": metadata, "spec": {"nodeName": "node"}, "status": {"containerStatuses": [running]}}
        self._pods.append(pod)
        self._put_pod(pod)
        self._later(timedelta(seconds=self.work_s), lambda: self._finish(name, job, pod))

    def _finish(self, name: str, job: dict[str, Any], pod: dict[str, Any]) -> None:
        """The pod reports its result and exits; its Job ends a second later."""
        videojob = self.videojob(name)
        assert videojob.status.attempt is not None
        result = ResultReference.model_validate(RESULT.model_dump())
        number = videojob.status.attempt.number
        report = PodReport(attempt=number, pod_uid=pod["metadata"]["uid"], result=result, heartbeat_time=self.now)
        self._put(videojob.model_copy(update={"status": videojob.status.model_copy(update={"pipeline": report})}))
        started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        ended = {"exitCode": 0, "startedAt": started}
        pod["status"] = {"containerStatuses": [{"name": "pipeline", "state": {"terminated": ended}}]}
        job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
        self.log.append(("ends", name))
        self._put_pod(pod)
        self._later(timedelta(seconds=1), lambda: self._put_job(job))

    def _put(self, videojob: VideoJob) -> None:
        metadata = videojob.metadata.model_copy(update={"resource_version": str(next(self._versions))})
        self._wake(self.cache.videojobs.put(videojob.model_copy(update={"metadata": metadata}).to_manifest()))

    def _put_job(self, job: dict[str, Any]) -> None:
        job["metadata"]["resourceVersion"] = str(next(self._versions))
        self._wake(self.cache.jobs.put(job))

    def _put_pod(self, pod: dict[str, Any]) -> None:
        pod["metadata"]["resourceVersion"] = str(next(self._versions))
        self._wake(self.cache.pods.put(pod))

    def _later(self, delay: timedelta, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + max(delay, timedelta(0)), next(self._versions), act))


def _has_ended(job: dict[str, Any]) -> bool:
    return bool(job["status"].get("conditions"))
