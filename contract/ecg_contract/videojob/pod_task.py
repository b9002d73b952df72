"""What the operator gives a pod to do, in an annotation of the pod that the downward API mounts as a file."""

from ecg_contract.base_model import CamelModel
from ecg_contract.host_protocol import PipelineJob


class PodTask(CamelModel):
    """One attempt at one VideoJob."""

    videojob_name: str
    """VideoJob that the pod reports to."""
    videojob_uid: str
    result_location: str | None = None
    """S3 URL that the result is stored under; ConfigMaps without it."""
    job: PipelineJob
