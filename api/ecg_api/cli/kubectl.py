"""`kubectl ecg`: the commands about jobs, for the API of a release, with kubectl's configuration instead of a URL.

kubectl runs the program `kubectl-ecg` for it, wherever that is in the PATH.
"""

import argparse
from collections.abc import Sequence

from ecg_api.cli import jobs
from ecg_api.cli.job_arguments import add_job_commands
from ecg_contract.version import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return jobs.run(arguments)
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="kubectl ecg", description="Jobs of a release of ecg-audio-analyzer.")
    top.add_argument("--version", action="version", version=f"kubectl-ecg {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in add_job_commands(commands):
        _add_cluster(command)
    return top


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--namespace", metavar="NAME", help="the release's namespace (default: the context's)")
    parser.add_argument("--context", metavar="NAME", help="the context of kubectl's configuration")
    parser.add_argument("--kubeconfig", metavar="FILE", help="default: KUBECONFIG, else ~/.kube/config")
    service = "the API's Service, where the namespace has several; ECG_API_KEY has the key"
    parser.add_argument("--service", metavar="NAME", help=service)
