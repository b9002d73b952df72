"""The pipeline and the chart's admission policy agree on the messages of refused reports."""

import json

from ecg_contract.videojob.refusals import FENCED, FINISHED, UNASSIGNED, UNBOUND
from support import chart


def test_the_policy_refuses_with_the_messages_that_pods_read() -> None:
    policies = [m for m in chart.render() if m["kind"] == "ValidatingAdmissionPolicy"]
    (status,) = [p for p in policies if p["metadata"]["name"].endswith(".pipeline-status")]
    validations = status["spec"]["validations"]
    (expression,) = [v["messageExpression"] for v in validations if "messageExpression" in v]
    assert FINISHED in [v.get("message") for v in validations]
    assert [message for message in (UNBOUND, UNASSIGNED, FENCED) if json.dumps(message) not in expression] == []
