"""`ecg completion`: prints a script with which a shell completes the commands and options of `ecg`."""

import argparse

import shtab

from ecg_api.cli.main import parser
from ecg_api.cli.terminal import say


def run(arguments: argparse.Namespace) -> int:
    say(shtab.complete(parser(), arguments.shell))
    return 0
