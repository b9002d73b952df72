"""Settings of downloads and media, which the pipeline's settings inherit."""

from typing import Annotated

from pydantic import AfterValidator, Field

from ecg_common.addresses import AllowList
from ecg_common.setting_types import GIB, CommaSeparated, Seconds
from ecg_common.settings import EnvironmentSettings

MAX_MEDIA_S = 43200.0


def _allow_list(entries: tuple[str, ...]) -> tuple[str, ...]:
    AllowList.parse(entries)
    return entries


class FetchSettings(EnvironmentSettings):
    """Downloads and media."""

    fetch_allow: Annotated[CommaSeparated, AfterValidator(_allow_list)] = ()
    """Hosts, host:port pairs and CIDRs, comma-separated, that videos may be downloaded from although their addresses
    are private, such as `10.0.0.0/8,media.internal,127.0.0.1:9000`."""
    fetch_max_bytes: Annotated[int, Field(gt=0)] = 10 * GIB
    """Largest video, in bytes."""
    fetch_connect_timeout_s: Seconds = 10.0
    """Seconds that making a connection may take."""
    fetch_stall_timeout_s: Seconds = 60.0
    """Seconds without a byte, or with fewer than 64 KiB, after which a download is tried again."""
    fetch_total_timeout_s: Seconds = 7200.0
    """Seconds that a download may take, tries and pauses included."""
    fetch_max_redirects: Annotated[int, Field(ge=0)] = 3
    """Redirects that are followed, each checked like the first address."""
    fetch_tries: Annotated[int, Field(ge=1)] = 3
    """Tries of a download that fails for reasons that may pass, with pauses of 1 s, 4 s, 16 s."""

    s3_endpoint_url: str | None = None
    """Another S3 than Amazon's, or a VPC endpoint, such as `https://s3.internal:9000`."""

    s3_buckets: CommaSeparated = ()
    """Buckets, comma-separated, that videos may be read from; empty: all that the process's role may read, but for
    RESULTS_BUCKET."""

    results_bucket: str | None = None
    """Bucket of the results, from which no video is read unless S3_BUCKETS names it."""
    media_max_seconds: Seconds = MAX_MEDIA_S
    """Longest media, in seconds; each hour takes 230 MB of memory."""
