"""The whole API of the standalone host against its OpenAPI document."""

from pathlib import Path

import pytest

from support.schema_conformance import assert_conforms
from support.standalone import Serve


@pytest.mark.timeout(600)
def test_nothing_that_is_sent_breaks_it(serve: Serve, tmp_path: Path) -> None:
    server, _ = serve(["complete"], TRANSCRIBE_WAIT_S="0.5")
    assert_conforms(str(server.client.base_url).rstrip("/"), tmp_path)
