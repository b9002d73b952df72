"""The server under its old name: `python ml_api_server.py --host 0.0.0.0 --port 8001` is `ecg serve`."""

import sys

try:
    from ecg_api.cli.main import main
except ModuleNotFoundError as error:
    advice = "run `make setup`, then .venv/bin/python ml_api_server.py"
    sys.exit(f"ml_api_server.py: {error.name} is not installed here: {advice}")

sys.exit(main(["serve", *sys.argv[1:]]))
