"""`python -m ecg_api.cli`: the command `ecg`, where it is not installed on the PATH."""

import sys

from ecg_api.cli.main import main

sys.exit(main())
