"""`ecg secret`: makes a secret that signs callbacks."""

import argparse

from ecg_api.cli.terminal import say
from ecg_callbacks.signature import new_secret


def run(_arguments: argparse.Namespace) -> int:
    say(new_secret())
    return 0
