"""Redirects and addresses as attackers use them: nothing is asked that may not be, and no
credential goes anywhere but where it is meant for.

CVE-2023-45289, CVE-2024-45336, CVE-2025-4673, CVE-2021-32690 (credentials across redirects),
CVE-2022-26945, CVE-2022-30321..30323, CVE-2022-3172 (redirects to what is near).
"""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from bastaix.api import reasons
from bastaix.source.credential import read
from bastaix.source.policy import HostRule, Policy
from bastaix.source.transport import CheckedResolver
from tests.fakes.server import FakeResolver
from tests.unit.source.fetching import (
    CREDENTIAL,
    NEAR,
    Fetching,
    Saying,
    allowing,
    certified,
    leading_to,
    saying,
)

# ---- credentials


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_another_port_of_the_same_host_gets_no_credential(
    fetching: Fetching, status: int
) -> None:
    async with saying() as second, leading_to(f"{second.url}/a.zip", status) as first:
        await fetching.archive(f"{first.url}/a.zip", allowing(first, second), CREDENTIAL)
        assert first.asked[0].authorization == "Bearer canary"
        assert second.asked[0].authorization is None


@pytest.mark.parametrize("target", ["second.test", "sub.first.test", "first.test.evil.test"])
async def test_another_name_gets_no_credential(fetching: Fetching, target: str) -> None:
    async with saying() as second, leading_to(f"http://{target}/a.zip") as first:
        resolver = FakeResolver(
            {
                "first.test": [("127.0.0.1", first.port)],
                target: [("127.0.0.1", second.port)],
            }
        )
        policy = Policy(hosts={"first.test": NEAR, target: NEAR})
        await fetching.archive("http://first.test/a.zip", policy, CREDENTIAL, resolver=resolver)
        assert first.asked[0].authorization == "Bearer canary"
        assert second.asked[0].authorization is None


async def test_a_credential_for_tls_alone_is_not_sent_without(fetching: Fetching) -> None:
    credential = read({"hosts": b"git.test:443", "token": b"canary"}, "git.test")
    async with saying() as server:
        resolver = FakeResolver({"git.test": [("127.0.0.1", server.port)]})
        policy = Policy(hosts={"git.test": NEAR})
        failure = await fetching.refused(
            fetching.archive("http://git.test/a.zip", policy, credential, resolver=resolver)
        )
        assert failure.reason is reasons.SECRET_HOST_NOT_ALLOWED
        assert not server.asked


async def test_a_credential_for_tls_alone_is_sent_over_tls(
    fetching: Fetching, tmp_path: Path
) -> None:
    credential = read({"hosts": b"git.test:443", "token": b"canary"}, "git.test")
    context, authority = certified(tmp_path, "DNS:git.test")

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"PK a zip")

    async with Saying(answer, context=context) as server:
        resolver = FakeResolver({"git.test": [("127.0.0.1", server.port)]})
        policy = Policy(hosts={"git.test": NEAR}, ca_file=authority)
        await fetching.archive("https://git.test/a.zip", policy, credential, resolver=resolver)
        assert server.asked[0].authorization == "Bearer canary"


async def test_the_same_place_gets_it_again_but_not_after_another(fetching: Fetching) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/a.zip":
            raise web.HTTPFound("/b.zip")
        if request.path == "/b.zip":
            raise web.HTTPFound(f"{second.url}/c.zip")
        return web.Response(body=b"PK")

    async with Saying(answer) as first, leading_to(f"{first.url}/d.zip") as second:
        await fetching.archive(f"{first.url}/a.zip", allowing(first, second), CREDENTIAL)
        assert [asked.authorization for asked in first.asked] == [
            *("Bearer canary", "Bearer canary"),
            None,
        ]
        assert [asked.authorization for asked in second.asked] == [None]


async def test_a_credential_in_a_redirect_is_not_used(fetching: Fetching) -> None:
    async with saying() as second:
        target = f"http://user:password@{second.netloc}/a.zip"
        async with leading_to(target) as first:
            await fetching.archive(f"{first.url}/a.zip", allowing(first, second))
            assert second.asked[0].authorization is None


async def test_a_cookie_is_not_taken_along(fetching: Fetching) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/a.zip":
            headers = {"Location": "/b.zip", "Set-Cookie": "id=1; Path=/"}
            return web.Response(status=302, headers=headers)
        return web.Response(body=b"PK")

    async with Saying(answer) as server:
        await fetching.archive(f"{server.url}/a.zip", allowing(server))
        assert "Cookie" not in server.asked[1].headers


# ---- where a redirect may lead


@pytest.mark.parametrize(
    "target",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "http://[::1]/"),
        *("https://169.254.169.254/", "https://127.0.0.1/", "https://10.0.0.1/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/"),
        *("https://[fe80::1]/", "https://0.0.0.0/", "https://100.64.0.1/"),
        *("https://140.82.121.4:6443/", "http://example.com/"),
        *("file:///etc/passwd", "ftp://example.com/a.zip", "gopher://127.0.0.1:1/", "data:,PK"),
    ],
)
async def test_a_redirect_to_what_may_not_be_asked_is_refused(
    fetching: Fetching, target: str
) -> None:
    async with leading_to(target) as first:
        failure = await fetching.refused(
            fetching.archive(f"{first.url}/a.zip", allowing(first), CREDENTIAL)
        )
        assert failure.reason is reasons.SOURCE_FORBIDDEN


@pytest.mark.parametrize(
    "number", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "127.0.0.1."]
)
async def test_an_address_in_disguise_is_no_way_in(fetching: Fetching, number: str) -> None:
    async with saying() as server:
        failure = await fetching.refused(
            fetching.archive(f"https://{number}/a.zip", allowing(server))
        )
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert not server.asked


async def test_from_tls_to_none_is_refused_even_to_a_host_that_may_go_without(
    fetching: Fetching, tmp_path: Path
) -> None:
    context, authority = certified(tmp_path, "IP:127.0.0.1")
    async with saying() as second, leading_to(f"{second.url}/", context=context) as first:
        policy = allowing(first, second, ca_file=authority)
        failure = await fetching.refused(fetching.archive(f"{first.url}/a.zip", policy))
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert "without TLS" in failure.message
        assert not second.asked


@pytest.mark.parametrize("target", ["file:///etc/passwd", "mailto:me@example.com", "data:,PK"])
async def test_what_no_rule_could_allow_is_not_said_to_be_allowed_by_one(
    fetching: Fetching, tmp_path: Path, target: str
) -> None:
    context, authority = certified(tmp_path, "IP:127.0.0.1")
    for leading in (
        leading_to(target, context=context),
        leading_to("http://a.test/", context=context),
    ):
        async with leading as first:
            policy = allowing(first, ca_file=authority)
            failure = await fetching.refused(fetching.archive(f"{first.url}/a.zip", policy))
            assert failure.reason is reasons.SOURCE_FORBIDDEN
            assert "allowedHosts" not in failure.message
            assert "None" not in failure.message


@pytest.mark.parametrize("name", [f"{'canary.' * 500}test", "canary test", "<canary>", "canary'"])
async def test_a_redirect_to_what_is_no_name_is_not_repeated(fetching: Fetching, name: str) -> None:
    async with leading_to(f"https://{name}/") as first:
        failure = await fetching.refused(fetching.archive(f"{first.url}/a.zip", allowing(first)))
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert "a name that no host can have" in failure.message


async def test_a_permission_for_one_port_is_none_for_another(fetching: Fetching) -> None:
    async with saying() as second, leading_to(f"{second.url}/") as first:
        failure = await fetching.refused(fetching.archive(first.url + "/", allowing(first)))
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert not second.asked


async def test_redirects_have_an_end(fetching: Fetching) -> None:
    async with leading_to("/again") as server:
        failure = await fetching.refused(
            fetching.archive(f"{server.url}/", allowing(server, redirects=3))
        )
        assert failure.reason is reasons.SOURCE_UNREACHABLE
        assert len(server.asked) == 4


@pytest.mark.parametrize("location", ["https://h:99999/", "https://[::1/", "https://"])
async def test_a_redirect_to_nowhere_is_no_bug(fetching: Fetching, location: str) -> None:
    async with leading_to(location) as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason in (reasons.SOURCE_UNREACHABLE, reasons.SOURCE_FORBIDDEN)


async def test_a_redirect_without_a_place_is_no_bug(fetching: Fetching) -> None:
    async with saying(status=302) as server:
        failure = await fetching.refused(fetching.archive(f"{server.url}/", allowing(server)))
        assert failure.reason is reasons.SOURCE_UNREACHABLE


# ---- names


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.0.1", "10.0.0.1", "::ffff:7f00:1"])
async def test_a_name_with_an_address_that_is_not_public_is_refused(
    fetching: Fetching, address: str
) -> None:
    async with saying() as server:
        resolver = FakeResolver({"innocent.test": [(address, server.port)]})
        failure = await fetching.refused(
            fetching.archive("https://innocent.test/a.zip", Policy(), CREDENTIAL, resolver=resolver)
        )
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert "not public" in failure.message
        assert not server.asked


async def test_a_redirects_name_is_resolved_and_refused_too(fetching: Fetching) -> None:
    async with saying() as second, leading_to("https://rebound.test/") as first:
        resolver = FakeResolver({"rebound.test": [("127.0.0.1", second.port)]})
        failure = await fetching.refused(
            fetching.archive(first.url + "/", allowing(first), resolver=resolver)
        )
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert not second.asked


async def test_a_name_is_asked_for_once_a_hop_so_it_cannot_change_in_between(
    fetching: Fetching,
) -> None:
    async with saying() as server:
        resolver = FakeResolver({"git.test": [("127.0.0.1", server.port)]})
        policy = Policy(hosts={"git.test": NEAR})
        await fetching.archive("http://git.test/a.zip", policy, resolver=resolver)
        assert resolver.asked == ["git.test"]


async def test_of_many_addresses_only_the_public_ones_are_connected_to() -> None:
    answers = [("127.0.0.1", 443), ("8.8.8.8", 443), ("::1", 443)]
    resolver = FakeResolver({"both.test": answers})
    checked = CheckedResolver(resolver, URL("https://both.test/a.zip"), Policy())
    found = await checked.resolve("both.test", 443)
    assert [each["host"] for each in found] == ["8.8.8.8"]


async def test_localhost_is_refused_by_the_systems_resolver_too(fetching: Fetching) -> None:
    failure = await fetching.refused(fetching.archive("https://localhost/a.zip", Policy()))
    assert failure.reason is reasons.SOURCE_FORBIDDEN


async def test_without_tls_only_listed_hosts_are_asked(fetching: Fetching) -> None:
    failure = await fetching.refused(fetching.archive("http://example.com/a.zip", Policy()))
    assert failure.reason is reasons.SOURCE_FORBIDDEN
    assert "TLS" in failure.message
    assert "source.allowedHosts" in failure.message


# ---- a proxy


async def test_through_a_proxy_go_well_known_and_listed_hosts_alone(fetching: Fetching) -> None:
    async with saying() as proxy:
        policy = Policy(proxy=proxy.url, hosts={"git.test": HostRule(http=True)})
        failure = await fetching.refused(
            fetching.archive("https://example.com/a.zip", policy, CREDENTIAL)
        )
        assert failure.reason is reasons.SOURCE_FORBIDDEN
        assert not proxy.asked
        await fetching.archive("http://git.test/a.zip", policy, CREDENTIAL)
        assert proxy.asked[0].headers["Host"] == "git.test"


async def test_what_is_private_is_asked_without_the_proxy(fetching: Fetching) -> None:
    async with saying() as proxy, saying() as server:
        await fetching.archive(f"{server.url}/a.zip", allowing(server, proxy=proxy.url))
        assert len(server.asked) == 1
        assert not proxy.asked


async def test_a_proxy_that_refuses_is_named_and_sees_no_credential(fetching: Fetching) -> None:
    seen = bytearray()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        policy = Policy(proxy=f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        failure = await fetching.refused(
            fetching.archive("https://github.com/a/b.zip", policy, CREDENTIAL)
        )
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert "proxy" in failure.message
    assert seen.startswith(b"CONNECT github.com:443 ")
    assert b"canary" not in seen
