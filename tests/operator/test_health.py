"""What the probes are told."""

import httpx

from ecg_operator.runtime.health import Health, serve_health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_ready_while_it_acts_and_alive_all_the_time() -> None:
    health = Health(Clock())
    assert health.trouble() is None
    assert "Lease" in str(health.idleness())
    health.heard()
    assert health.idleness() is None
    health.run_ended()
    assert health.idleness() is not None
    assert health.trouble() is None


def test_an_event_loop_that_stands_still_is_neither() -> None:
    clock = Clock()
    health = Health(clock)
    health.heard()
    clock.now = 31
    assert "event loop" in str(health.trouble())
    assert health.idleness() == health.trouble()


def test_watches_that_stay_deaf_are_trouble_and_hearing_ends_it() -> None:
    health = Health(Clock())
    for _ in range(3):
        health.deaf()
    assert "deaf" in str(health.trouble())
    health.heard()
    assert health.trouble() is None


def test_the_two_probes_are_answered_apart() -> None:
    health = Health(Clock())
    url = f"http://127.0.0.1:{serve_health(0, health)}"
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    refused = httpx.get(f"{url}/readyz", trust_env=False)
    assert refused.status_code == 503
    assert "Lease" in refused.text
    health.heard()
    assert httpx.get(f"{url}/readyz", trust_env=False).text == "ok"
