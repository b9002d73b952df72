"""The server under its old name: `python ml_api_server.py --host 0.0.0.0 --port 8001` is `ecg serve`."""

import sys

from ecg_api.cli.main import main

sys.exit(main(["serve", *sys.argv[1:]]))
