"""Client of the ECG Audio Analyzer.

    with EcgClient("http://127.0.0.1:8001", key="ecg_...") as client:
        job = client.submit("s3://bucket/video.mp4", language="ko")
        for status in client.watch(job.job_id):
            print(status.progress, status.message)
        result = client.result(job.job_id)

`AsyncEcgClient` is the same with `await` and `async for`.
"""

from ecg_client.asynchronous import AsyncEcgClient
from ecg_client.errors import EcgError
from ecg_client.synchronous import EcgClient

__all__ = ["AsyncEcgClient", "EcgClient", "EcgError"]
