"""Waits for the end of a job."""

import asyncio

from ecg_api.ports import JobStore, JobView


async def at_its_end(store: JobStore, job_id: str, timeout_s: float) -> JobView | None:
    """The job once it is final, or its state after `timeout_s`; None where it is removed."""
    last: JobView | None = None
    try:
        async with asyncio.timeout(timeout_s):
            async for job in store.follow(job_id):
                last = job
    except TimeoutError:
        return await store.get(job_id)
    return last if last is not None and last.state.is_final else None
