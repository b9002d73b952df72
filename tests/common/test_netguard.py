"""Only public addresses and allowed ones are connected to, whatever they are called."""

from collections.abc import Mapping
from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_common.addresses import AllowList, why_not_public
from ecg_common.netguard import AddressGuard, AddressRefusedError, GuardedTransport
from support.receiver import Receiver

PUBLIC = "93.184.216.34"


def guard(allow: str = "", names: Mapping[str, list[str]] | None = None) -> AddressGuard:
    return AddressGuard(AllowList.parse(allow), "FETCH_ALLOW", lambda host, port: (names or {})[host])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
        "0.0.0.0", "0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "2852039166", "0xa9fea9fe",
        "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1",
        "::", "::1", "[::1]", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
        "2001:0:5ef5:79fd:0:0:80ff:fffe", "2001:db8::1", "64:ff9b:1:a9fe:a9:fe00:808:808", "3fff::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(AddressRefusedError, match="FETCH_ALLOW"):
        guard().addresses(host, 80)


@pytest.mark.parametrize("host", [PUBLIC, "1572395042", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_a_public_address_is_connected_to(host: str) -> None:
    assert guard().addresses(host, 443)


def test_a_name_is_refused_when_any_of_its_addresses_is_not_public() -> None:
    names = {"evil.example": [PUBLIC, "127.0.0.1"], "good.example": [PUBLIC]}
    assert guard(names=names).addresses("good.example", 80) == [PUBLIC]
    with pytest.raises(AddressRefusedError, match=r"evil\.example leads to a loopback address"):
        guard(names=names).addresses("EVIL.example.", 80)


@pytest.mark.parametrize(
    ("allow", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 80),
        ("127.0.0.1", "inside", 80),
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("10.0.0.0/8, 127.0.0.0/8", "inside", 80),
        ("inside", "inside", 80),
        ("INSIDE:9000", "inside", 9000),
        ("[::1]:9000", "::1", 9000),
        ("::1", "[::1]", 80),
        ("127.0.0.1", "::ffff:127.0.0.1", 80),
    ],
)
def test_what_is_allowed_is_connected_to(allow: str, host: str, port: int) -> None:
    assert guard(allow, {"inside": ["127.0.0.1"]}).addresses(host, port)


@pytest.mark.parametrize(
    ("allow", "host", "port"),
    [("127.0.0.1:9000", "127.0.0.1", 9001), ("inside:9000", "inside", 80), ("inside", "127.0.0.1", 80)],
)
def test_nothing_beside_what_is_allowed_is_connected_to(allow: str, host: str, port: int) -> None:
    with pytest.raises(AddressRefusedError):
        guard(allow, {"inside": ["127.0.0.1"]}).addresses(host, port)


def test_an_international_name_is_allowed_in_the_form_of_the_dns_too() -> None:
    names = AllowList.parse("bücher.example, xn--caf-dma.example")
    assert all(names.has_host(host, 80) for host in ("bücher.example", "xn--bcher-kva.example", "café.example"))


@pytest.mark.parametrize("entry", ["host:port", ":80", "host:0", "host:70000"])
def test_an_entry_that_means_nothing_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host, host:port or network"):
        AllowList.parse(entry)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_every_ipv6_form(address: object) -> None:
    number = int(ip_address(str(address)))
    plain = why_not_public(ip_address(number))
    for prefix in (0xFFFF << 32, 0x64FF9B << 96):
        assert why_not_public(ip_address((prefix | number).to_bytes(16, "big"))) == plain
    assert why_not_public(ip_address(((0x2002 << 112) | number << 80).to_bytes(16, "big"))) == plain


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_urls_name() -> None:
    looked_up = iter([["127.0.0.1"], ["169.254.169.254"]])  # a name that changes its meaning
    with Receiver() as server:
        port = httpx.URL(server.url).port or 0
        transport = GuardedTransport(
            AddressGuard(AllowList.parse(f"127.0.0.1:{port}"), "FETCH_ALLOW", lambda *_: next(looked_up))
        )
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            answer = await client.post(f"http://media.example:{port}/x", json={"job_id": "1"})
            with pytest.raises(AddressRefusedError, match="link-local"):
                await client.post(f"http://media.example:{port}/x")
    assert answer.status_code == 200
    assert answer.url.host == "media.example"
    assert [r.headers["host"] for r in server.requests] == [f"media.example:{port}"]


async def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with Receiver() as server:
        port = httpx.URL(server.url).port or 0
        resolve = guard("127.0.0.0/8", {"two": ["127.0.0.99", "127.0.0.1"]})
        async with httpx.AsyncClient(transport=GuardedTransport(resolve), trust_env=False) as client:
            assert (await client.post(f"http://two:{port}/", json={})).status_code == 200


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with httpx.AsyncClient(transport=GuardedTransport(guard("127.0.0.1")), trust_env=False) as client:
            assert (await client.post(server.url, json={})).status_code == 200
    assert not proxy.requests


async def test_an_unknown_name_is_a_connection_error() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    transport = GuardedTransport(AddressGuard(AllowList(), "FETCH_ALLOW", unknown))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ConnectError, match="not known"):
            await client.get("http://nowhere.example/")
