"""The checks of `ecg doctor` for the GPU, the gated model and S3."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ecg_common.checks import Check, Finding
from ecg_pipeline.model_hub.client import HubClient
from ecg_pipeline.model_hub.contents import PYANNOTE_PIPELINE
from ecg_pipeline.model_hub.environment import endpoint, model_hub
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault, reason_of
from ecg_pipeline.model_hub.hub import Repository
from ecg_pipeline.nvidia import gpus
from ecg_pipeline.settings import FetchSettings, PipelineSettings

_SPECIFIED_MIB = 15_000
"""A card sold with 16 GB reports a little less than 16 GiB."""
_TIMEOUT_S = 5.0
_TOKEN_CHECK = "HF_TOKEN"  # noqa: S105 - the name of a check


def check_gpu() -> Finding:
    """Whether there is a GPU with the recommended 16 GB."""
    found = gpus("name", "memory.total", "memory.free")
    if not found:
        advice = "nothing, if the CPU is meant; else install the NVIDIA driver and look at nvidia-smi"
        return Finding.warn("GPU", "none was found: jobs run on the CPU, many times slower", advice)
    name, total, free = found[0]
    return grade_gpu(name, int(total), int(free))


def grade_gpu(name: str, total_mib: int, free_mib: int) -> Finding:
    found = f"{name}, {total_mib / 1024:.1f} GiB, {free_mib / 1024:.1f} GiB of it free"
    if total_mib < _SPECIFIED_MIB:
        return Finding.warn("GPU", found, "16 GB are recommended; with less, a smaller ASR_MODEL or ASR_BATCH_SIZE")
    if free_mib < total_mib / 2:
        return Finding.warn("GPU", found, "another process holds its memory: nvidia-smi shows which")
    return Finding.ok("GPU", found)


def checks(settings: PipelineSettings) -> Iterator[Check]:
    """The checks of this module."""
    yield Check("GPU", lambda: [check_gpu()])
    yield Check("S3", lambda: check_s3(settings))
    for bucket in settings.s3_buckets:
        yield Check(f"S3 bucket {bucket}", partial(_check_bucket, settings, bucket))
    yield Check(_TOKEN_CHECK, lambda: [check_gated_model(settings)])


def check_gated_model(settings: PipelineSettings) -> Finding:
    """Whether the token may load the diarization model, whose conditions the token's owner has to accept."""
    model, hub = settings.diarization_model, model_hub(settings)
    if Path(model).exists():
        return Finding.ok(_TOKEN_CHECK, f"not needed: {model} is a local folder")
    if hub.has(Repository(model, PYANNOTE_PIPELINE, settings.model_revisions.get(model))):
        return Finding.ok(_TOKEN_CHECK, f"not needed: {model} is in the cache {hub.cache.root}")
    try:
        HubClient(endpoint(), hub.token, _TIMEOUT_S).check_access(model, "config.yaml")
    except ModelFault as fault:
        return Finding.fail(_TOKEN_CHECK, str(fault), fault.advice("DIARIZATION_MODEL"))
    except httpx.HTTPError as error:
        away = ModelFault(FaultKind.AWAY, model, f"the model hub does not give {model}: {reason_of(error)}")
        return Finding.warn(_TOKEN_CHECK, str(away), away.advice("DIARIZATION_MODEL"))
    return Finding.ok(_TOKEN_CHECK, f"{model} may be loaded")


def check_s3(settings: FetchSettings) -> Iterator[Finding]:
    """Whether there are credentials for private buckets."""
    import boto3  # noqa: PLC0415 - takes a second
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    advice = "give the machine a role, or set AWS credentials, where private buckets are to be read"
    try:
        if boto3.Session().get_credentials() is None:
            yield Finding.warn("S3", "no credentials: public objects and presigned URLs only", advice)
            return
        if not settings.s3_endpoint_url:
            identity = _client("sts").get_caller_identity()
            yield Finding.ok("S3", f"reads as {identity['Arn'].rpartition(':')[2]}")
    except (BotoCoreError, ClientError) as error:
        yield Finding.fail("S3", f"the credentials are refused: {type(error).__name__}", advice)


def _check_bucket(settings: FetchSettings, bucket: str) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        _client("s3", settings.s3_endpoint_url).head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        answer = (getattr(error, "response", None) or {}).get("Error", {}).get("Code", type(error).__name__)
        advice = f"allow s3:ListBucket and s3:GetObject on {bucket}, or mend S3_BUCKETS"
        yield Finding.fail(f"S3 bucket {bucket}", f"is not readable ({answer})", advice)
    else:
        yield Finding.ok(f"S3 bucket {bucket}", "is readable")


def _client(service: str, endpoint_url: str | None = None) -> Any:
    import boto3  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415 - as above

    patience = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 1})
    client: Any = boto3.client
    return client(service, endpoint_url=endpoint_url, region_name=_region(), config=patience)


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
