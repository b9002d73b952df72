"""Which callback bases are accepted when a job is posted, and which addresses are connected to."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ecg_callbacks.body import FileResults
from ecg_callbacks.decision import next_callback
from ecg_callbacks.sender import CallbackSender, Delivered
from ecg_callbacks.target import CallbackPolicy, callback_url, check_callback_base, origin_of
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_common.netguard import NameLookups
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.stages import Stage
from support.receiver import Receiver

OPEN = CallbackPolicy()
INSIDE = [
    "http://127.0.0.1:8000",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://localhost:8000",
    "http://LOCALHOST.",
    "http://169.254.169.254",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[64:ff9b::7f00:1]",
    "http://[fe80::1%25eth0]",
    "http://10.0.10.42",
    "http://172.16.0.1",
    "http://192.168.0.1",
    "http://100.64.0.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[fd00::1]",
    "http://224.0.0.1",
]
MALFORMED = [
    "",
    "backend.example",
    "//backend.example",
    "ftp://backend.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://",
    "http://:80",
    "http://backend.example:0",
    "http://backend.example:99999",
    "http://backend.example:x",
    "http://user:pw@backend.example",
    "http://user@backend.example",
    "http://@backend.example",
    "http://backend.example?token=1",
    "http://backend.example/?",
    "http://backend.example/#x",
    "http://backend.example/a b",
    "http://backend.example/\r\nX: y",
    "http://backend.example\\@127.0.0.1",
    "http://[::1",
    "http://" + "a" * 300,
]


@pytest.mark.parametrize("base", ["https://ho-it.site", "http://93.184.215.14:8080/prefix/", "https://[2606:4700::1]"])
def test_public_bases_are_accepted(base: str) -> None:
    check_callback_base(base, OPEN)


@pytest.mark.parametrize("base", INSIDE)
def test_an_inside_address_is_refused_with_the_name_of_the_setting(base: str) -> None:
    with pytest.raises(ValueError, match="CALLBACK_ALLOW"):
        check_callback_base(base, OPEN)


@pytest.mark.parametrize("base", MALFORMED)
def test_what_is_no_plain_http_url_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is)"):
        check_callback_base(base, OPEN)


def test_a_refusal_does_not_repeat_a_credential() -> None:
    with pytest.raises(ValueError, match="user name") as refusal:
        check_callback_base("http://me:hunter2@backend.example", OPEN)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("entry", ["10.0.10.42", "10.0.0.0/8", "10.0.10.42:80"])
def test_callback_allow_opens_private_addresses(entry: str) -> None:
    check_callback_base("http://10.0.10.42", CallbackPolicy(allow=(entry,)))


def test_the_backend_of_the_settings_is_always_allowed_but_only_on_its_port() -> None:
    policy = CallbackPolicy(backend_url="http://10.0.10.42:8000/base", strict=True)
    check_callback_base("http://10.0.10.42:8000", policy)
    with pytest.raises(ValueError, match="CALLBACK_ALLOW"):
        check_callback_base("http://10.0.10.42:22", policy)


def test_strict_refuses_public_hosts_that_are_not_named() -> None:
    policy = CallbackPolicy(allow=("ho-it.site",), strict=True)
    check_callback_base("https://ho-it.site", policy)
    for base in ("https://elsewhere.example", "https://93.184.215.14"):
        with pytest.raises(ValueError, match="CALLBACK_STRICT"):
            check_callback_base(base, policy)


@pytest.mark.parametrize("settings", [{"allow": ("host:x",)}, {"backend_url": "ftp://b"}, {"backend_url": "b"}])
def test_malformed_settings_are_named_at_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"CALLBACK_ALLOW|BACKEND_URL"):
        CallbackPolicy(**settings)  # type: ignore[arg-type]  # one field each


@pytest.mark.parametrize("base", ["https://ho-it.site", "https://ho-it.site/"])
def test_the_path_is_the_specified_one(base: str) -> None:
    assert callback_url(base) == "https://ho-it.site/api/upload-video/result"


def test_an_origin_is_told_by_scheme_host_and_port() -> None:
    assert origin_of("https://Ho-IT.site/a") == origin_of("https://ho-it.site:443/b/") == "https://ho-it.site:443"
    assert origin_of("http://x:99999") == "malformed"


def due(facts: JobFacts) -> Due:
    decision = next_callback(DeliveryRecord(), facts, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(decision, Due)
    return decision


async def outcome(base: str, policy: CallbackPolicy, *addresses: str) -> object:
    """Of one try, every name resolving to `addresses`."""
    facts = JobFacts("u", "j", base, reached=(Stage.DOWNLOAD,))
    sender = CallbackSender(FileResults(), policy, resolve=lambda host, port: addresses)
    try:
        return await sender.send(due(facts), facts)
    finally:
        await sender.aclose()


@pytest.mark.parametrize("base", ["http://169.254.169.254", "http://2130706433", "http://[::ffff:127.0.0.1]"])
async def test_the_sender_refuses_inside_addresses_whoever_stored_them(base: str) -> None:
    failure = await outcome(base, OPEN)
    assert isinstance(failure, Failure)
    assert "CALLBACK_ALLOW" in failure.error


async def test_a_name_that_leads_inside_is_refused_without_a_connection() -> None:
    with Receiver() as backend:
        failure = await outcome(f"http://backend.example:{backend.port}", OPEN, "127.0.0.1")
        assert isinstance(failure, Failure)
        assert "backend.example leads to a loopback address" in failure.error
        assert backend.requests == []


async def test_one_inside_address_among_public_ones_is_enough_to_refuse() -> None:
    failure = await outcome("http://backend.example", OPEN, "93.184.215.14", "10.0.0.1")
    assert isinstance(failure, Failure)
    assert failure.error.startswith("not sent")


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_name() -> None:
    with Receiver() as backend:
        base = f"http://backend.example:{backend.port}/x"
        assert await outcome(base, CallbackPolicy(allow=("127.0.0.0/8",)), "127.0.0.1") == Delivered(200)
        assert backend.requests[0].headers["host"] == f"backend.example:{backend.port}"


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with Receiver() as backend:
        base = f"http://backend.example:{backend.port}"
        policy = CallbackPolicy(allow=("127.0.0.0/8",))
        assert await outcome(base, policy, "127.0.0.2", "127.0.0.1") == Delivered(200)


async def test_a_name_that_is_not_known_is_a_failure_to_be_retried() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    facts = JobFacts("u", "j", "http://backend.example", reached=(Stage.DOWNLOAD,))
    sender = CallbackSender(FileResults(), OPEN, resolve=unknown)
    assert await sender.send(due(facts), replace(facts)) == Failure("the backend's name is not known")
    await sender.aclose()


async def test_a_name_that_hangs_takes_one_thread_and_delays_no_other_name() -> None:
    release, asked = threading.Event(), []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        if host == "slow.example":
            release.wait(20)
        return ["127.0.0.1"]

    lookups = NameLookups(CallbackPolicy(allow=("127.0.0.1",)).guard(resolve), 32)
    waiting = [asyncio.create_task(lookups.addresses("slow.example", 80)) for _ in range(40)]
    try:
        assert await asyncio.wait_for(lookups.addresses("quick.example", 80), 5) == ["127.0.0.1"]
    finally:
        release.set()
    assert await asyncio.gather(*waiting) == [["127.0.0.1"]] * 40
    assert sorted(asked) == ["quick.example", "slow.example"]
    lookups.close()


async def test_a_hundred_names_that_never_resolve_stop_nobody_elses_callback() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        if host.startswith("never"):
            release.wait(30)
            raise OSError("no such name")
        return ["127.0.0.1"]

    with Receiver() as backend:
        policy = CallbackPolicy(allow=("127.0.0.0/8",))
        sender = CallbackSender(FileResults(), policy, resolve=resolve)
        facts = JobFacts("u", "j", "", reached=(Stage.DOWNLOAD,))
        never = [replace(facts, callback_base=f"http://never-{number}.example") for number in range(100)]
        hanging = [asyncio.create_task(sender.send(due(one), one)) for one in never]
        await asyncio.sleep(0)
        good = replace(facts, callback_base=f"http://backend.example:{backend.port}")
        assert await asyncio.wait_for(sender.send(due(good), good), 10) == Delivered(200)
        assert not any(task.done() for task in hanging)
        release.set()
        await asyncio.gather(*hanging)
        await sender.aclose()
