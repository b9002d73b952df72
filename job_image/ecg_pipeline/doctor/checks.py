"""Checks of the GPU, the gated models and S3, as `ecg doctor` runs them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from ecg_common.checks import Finding
from ecg_pipeline.settings_media import FetchSettings

_SPECIFIED_MIB = 15_000
"""What a card that is sold with 16 GB reports."""
_TIMEOUT_S = 10.0


def check_gpu() -> Finding:
    """The card and its memory against the recommended 16 GB."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        line = subprocess.check_output(query, text=True, timeout=_TIMEOUT_S).splitlines()[0]  # noqa: S603 - constant
    except (OSError, subprocess.SubprocessError, IndexError):
        advice = "nothing, if the CPU is meant; else install the NVIDIA driver and look at nvidia-smi"
        return Finding.warn("GPU", "none was found: jobs run on the CPU, many times slower", advice)
    name, total, free = (part.strip() for part in line.split(","))
    return grade_gpu(name, int(total), int(free))


def grade_gpu(name: str, total_mib: int, free_mib: int) -> Finding:
    found = f"{name}, {total_mib / 1024:.1f} GiB, {free_mib / 1024:.1f} GiB of it free"
    if total_mib < _SPECIFIED_MIB:
        return Finding.warn("GPU", found, "16 GB are recommended; with less, a smaller ASR_MODEL or ASR_BATCH_SIZE")
    if free_mib < total_mib / 2:
        return Finding.warn("GPU", found, "another process holds its memory: nvidia-smi shows which")
    return Finding.ok("GPU", found)


def check_gated_model(model: str, token: str | None, endpoint: str | None = None) -> Finding:
    """The right to load `model` from the hub: a token, and consent to the model's conditions."""
    name = "HF_TOKEN"
    if Path(model).exists():
        return Finding.ok(name, f"not needed: {model} is a local folder")
    page = f"https://huggingface.co/{model}"
    url = f"{endpoint or os.environ.get('HF_ENDPOINT', 'https://huggingface.co')}/{model}/resolve/main/config.yaml"
    try:
        answer = httpx.head(url, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        advice = "allow the connection, or set DIARIZATION_MODEL to a local copy"
        return Finding.warn(name, f"the hub does not answer: {type(error).__name__}", advice)
    if answer.status_code < 400:
        return Finding.ok(name, f"{model} may be loaded")
    if answer.status_code == 403:
        return Finding.fail(name, f"no consent for {model}", f"accept the conditions on {page} as the token's owner")
    if answer.status_code == 401:
        advice = f"make a token at https://huggingface.co/settings/tokens and accept the conditions on {page}"
        return Finding.fail(name, "is wrong" if token else "is not set", advice)
    return Finding.fail(name, f"{model}: the hub answers {answer.status_code}", "check DIARIZATION_MODEL's name")


def check_s3(settings: FetchSettings) -> Iterator[Finding]:
    """Credentials for private buckets, and each bucket that S3_BUCKETS names."""
    import boto3  # noqa: PLC0415 - takes a second
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    advice = "give the machine a role, or set AWS credentials, where private buckets are to be read"
    try:
        if boto3.Session().get_credentials() is None:
            yield Finding.warn("S3", "no credentials: public objects and presigned URLs only", advice)
            return
        if not settings.s3_endpoint_url:
            identity = boto3.client("sts", region_name=_region()).get_caller_identity()
            yield Finding.ok("S3", f"reads as {identity['Arn'].rpartition(':')[2]}")
    except (BotoCoreError, ClientError) as error:
        yield Finding.fail("S3", f"the credentials are refused: {type(error).__name__}", advice)
        return
    client = boto3.client("s3", endpoint_url=settings.s3_endpoint_url, region_name=_region())
    for bucket in settings.s3_buckets:
        try:
            client.head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            answer = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
            advice = f"allow s3:ListBucket and s3:GetObject on {bucket}, or mend S3_BUCKETS"
            yield Finding.fail(f"S3 bucket {bucket}", f"is not readable ({answer})", advice)
        else:
            yield Finding.ok(f"S3 bucket {bucket}", "is readable")


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
