"""`ecg redeliver`: lists terminal callbacks that the backend has not accepted, or sends one of them again."""

import argparse

from ecg_api.cli.remote import on_server
from ecg_api.cli.terminal import say
from ecg_client import EcgClient


def run(arguments: argparse.Namespace) -> int:
    return on_server(arguments, lambda client: _run(client, arguments.job_id))


def _run(client: EcgClient, job_id: str | None) -> int:
    if job_id is not None:
        job = client.redeliver(job_id)
        say(f"{job.job_id}: {job.status}, callback {job.callback.state}")
        return 0
    listed = False
    for job in client.list(callback="undelivered", limit=200):
        say(f"{job.job_id}  {job.status}  {job.callback.tries} tries  {job.callback.last_error or ''}")
        listed = True
    if not listed:
        say("every final callback was delivered, or is still being tried")
    return 0
