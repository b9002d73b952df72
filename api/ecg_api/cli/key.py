"""`ecg key`: makes an API key, and writes its digest to the file of keys."""

import argparse
import os

from ecg_api.cli.terminal import complain, say
from ecg_api.http.key_file import LIMITS, KeyFileError, new_key, parse_keys


def run(arguments: argparse.Namespace) -> int:
    path = arguments.file
    try:
        known = path.read_text(encoding="utf-8") if path and path.exists() else ""
        limits = {name: getattr(arguments, name) for name in LIMITS}
        key, made = new_key(arguments.name, **limits)
        parse_keys(f"{known}\n{made.to_line()}")
    except (KeyFileError, OSError, UnicodeDecodeError) as error:
        complain(f"ecg key: {f'{path}: ' if path else ''}{error}")
        return 2
    if path is None:
        say(made.to_line())
        complain("add this line to API_KEYS_FILE; the key itself, which is shown only now, is:")
    else:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(("" if known.endswith("\n") or not known else "\n") + made.to_line() + "\n")
        complain(f"{path} has the key {made.name} now; the key itself, which is shown only now, is:")
    say(key)
    return 0
