"""What `docs/callbacks.md` tells a backend to do works on what is sent."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from standardwebhooks import Webhook, WebhookVerificationError

from ecg_callbacks.signature import Signer, new_secret, signing_keys

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"


def documented() -> Any:
    """The page's `is_genuine`."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names["is_genuine"]


@pytest.mark.parametrize("secret", ["whsec_" + "c2VjcmV0" * 4, "plain words"])
def test_the_documented_check_tells_genuine_callbacks_from_others(secret: str) -> None:
    signer = Signer(signing_keys(secret), "msg_1", datetime.now(UTC))
    signer.update(b'{"job')
    signer.update(b'_id": "j"}')
    is_genuine = documented()
    assert is_genuine(signer.headers, b'{"job_id": "j"}', secret)
    assert not is_genuine(signer.headers, b'{"job_id": "k"}', secret)
    assert not is_genuine(signer.headers, b'{"job_id": "j"}', "another secret")


@pytest.mark.parametrize("secret", ["whsec_" + "c2VjcmV0" * 4, "plain words"])
def test_the_documented_check_in_typescript_does_the_same(secret: str, tmp_path: Path) -> None:
    signer = Signer(signing_keys(secret), "msg_1", datetime.now(UTC))
    signer.update(b'{"job_id": "j"}')
    code = re.search(r"```typescript\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "check.ts").write_text(code[1])
    (tmp_path / "main.ts").write_text(_ASK)
    for body, given, genuine in (
        ('{"job_id": "j"}', secret, True),
        ('{"job_id": "k"}', secret, False),
        ('{"job_id": "j"}', "another secret", False),
    ):
        asked = json.dumps({"headers": signer.headers, "body": body, "secret": given})
        node = compute_driver_executable()[0]
        done = subprocess.run([node, tmp_path / "main.ts", asked], capture_output=True, text=True, check=True)
        assert done.stdout == json.dumps(genuine)


_ASK = """
import { isGenuine } from "./check.ts";
const { headers, body, secret } = JSON.parse(process.argv[2]);
process.stdout.write(JSON.stringify(isGenuine(headers, Buffer.from(body), secret)));
"""


def test_the_standard_library_takes_a_made_secret_and_each_of_two() -> None:
    old, new = new_secret(), new_secret()
    signer = Signer(signing_keys(f"{new} {old}"), "msg_1", datetime.now(UTC))
    signer.update(b'{"job_id": "j"}')
    for secret in (old, new):
        assert Webhook(secret).verify('{"job_id": "j"}', signer.headers) == {"job_id": "j"}
        assert documented()(signer.headers, b'{"job_id": "j"}', secret)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify('{"job_id": "k"}', signer.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify('{"job_id": "j"}', signer.headers)
