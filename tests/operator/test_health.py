"""What the probes are answered."""

import httpx

from ecg_operator.runtime.health import Health, serve_health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_ready_while_it_acts_and_alive_all_the_time() -> None:
    health = Health(Clock())
    assert health.why_unhealthy() is None
    assert "Lease" in str(health.why_not_ready())
    health.in_sync()
    assert health.why_not_ready() is None
    health.run_ended()
    assert health.why_not_ready() is not None
    assert health.why_unhealthy() is None


def test_an_event_loop_that_stands_still_is_neither() -> None:
    clock = Clock()
    health = Health(clock)
    health.in_sync()
    clock.now = 31
    assert "event loop" in str(health.why_unhealthy())
    assert health.why_not_ready() == health.why_unhealthy()


def test_watches_that_stay_stalled_are_unhealthy_until_the_cache_is_in_sync() -> None:
    health = Health(Clock())
    for _ in range(3):
        health.watches_stalled()
    assert "stalled" in str(health.why_unhealthy())
    health.in_sync()
    assert health.why_unhealthy() is None


def test_the_two_probes_are_answered_apart() -> None:
    health = Health(Clock())
    url = f"http://127.0.0.1:{serve_health(0, health)}"
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    refused = httpx.get(f"{url}/readyz", trust_env=False)
    assert refused.status_code == 503
    assert "Lease" in refused.text
    health.in_sync()
    assert httpx.get(f"{url}/readyz", trust_env=False).text == "ok"
