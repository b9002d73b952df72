"""The messages with which the chart's admission policy (templates/policies.yaml) refuses a pipeline pod's report.

Pods read them to decide whether to retry; a test compares them with the rendered policy.
"""

UNASSIGNED = "no pod is assigned to this VideoJob yet"
FINISHED = "finished: the VideoJob takes no more reports"
UNBOUND = "fenced: the token is bound to no pod"
FENCED = "fenced: another pod is the current attempt's"
