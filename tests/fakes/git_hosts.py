"""Git hosts as far as an archive of a commit goes: fakes of their documented behaviour.

They know one repository, acme/serving, at one commit. Each redirects to where the real one does,
so archives come from a second host: here the same address at another port.
"""

import io
import ssl
import zipfile

from aiohttp import web

from tests.fakes.server import FakeServer

COMMIT = "3f9c2a1d" * 5
OWNER, NAME = "acme", "serving"
TOKEN = "a-token-that-may"
BLIND_TOKEN = "a-token-that-may-not"
"""Known to the host, but without permission for this repository."""
TEMPORARY = "five-minutes"


def archive(top: str = f"{NAME}-{COMMIT}", comment: str = COMMIT) -> bytes:
    """A zip as `git archive` makes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        file = zipfile.ZipInfo(f"{top}/app.py", (2026, 1, 1, 0, 0, 0))
        made.writestr(file, "def build(arguments):\n    return arguments\n")
        made.comment = comment.encode()
    return stream.getvalue()


class FakeGitHost(FakeServer):
    def __init__(self, *, private: bool = False, context: ssl.SSLContext | None = None) -> None:
        super().__init__(context=context)
        self.private = private
        self.limit: dict[str, str] | None = None
        """Headers of the answer to come, while the host has had enough."""


class FakeCodeload(FakeServer):
    """GitHub's second host: a private archive needs the query that the API gave."""

    def __init__(self, github: FakeGitHost, *, context: ssl.SSLContext | None = None) -> None:
        super().__init__(context=context)
        self._github = github

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self._github.private and request.query.get("token") != TEMPORARY:
            return web.Response(status=404, text="404: Not Found")
        return web.Response(body=archive(), content_type="application/zip")


class FakeGitHub(FakeGitHost):
    """github.com and api.github.com, or an Enterprise Server, which is both at one address."""

    def __init__(self, *, private: bool = False, context: ssl.SSLContext | None = None) -> None:
        super().__init__(private=private, context=context)
        self.codeload = ""
        """The URL of the second host."""
        self.single_sign_on = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.headers.get("User-Agent"):
            return web.Response(status=403, text="Request forbidden by administrative rules")
        if self.limit is not None:
            return web.Response(status=403, headers=self.limit)
        path = request.path.removeprefix("/api/v3")
        if path.startswith("/repos/"):
            return self._api(path, request.headers.get("Authorization"))
        if path == f"/{OWNER}/{NAME}/archive/{COMMIT}.zip" and not self.private:
            raise web.HTTPFound(f"{self.codeload}/{OWNER}/{NAME}/zip/{COMMIT}")
        return web.Response(status=404, text="Not Found", content_type="text/html")

    def _api(self, path: str, authorization: str | None) -> web.StreamResponse:
        if authorization not in (None, f"Bearer {TOKEN}", f"Bearer {BLIND_TOKEN}"):
            return web.Response(status=401, text='{"message": "Bad credentials"}')
        if self.single_sign_on:
            headers = {"X-GitHub-SSO": "required; url=https://sso.example/canary"}
            return web.Response(status=403, headers=headers)
        found = path == f"/repos/{OWNER}/{NAME}/zipball/{COMMIT}"
        if not found or (self.private and authorization != f"Bearer {TOKEN}"):
            return web.Response(status=404, text='{"message": "Not Found"}')
        query = f"?token={TEMPORARY}" if self.private else ""
        raise web.HTTPFound(f"{self.codeload}/{OWNER}/{NAME}/legacy.zip/{COMMIT}{query}")


class FakeGitLab(FakeGitHost):
    """The API, which says 404 to whoever may not see; archives may lie in an object store."""

    store: str | None = None
    limited_scope = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.limit is not None:
            return web.Response(status=429, headers=self.limit)
        authorization = request.headers.get("Authorization")
        if authorization not in (None, f"Bearer {TOKEN}", f"Bearer {BLIND_TOKEN}"):
            return web.Response(status=401, text='{"message":"401 Unauthorized"}')
        if authorization and self.limited_scope:
            return web.Response(status=403, text='{"error":"insufficient_scope"}')
        wanted = f"/api/v4/projects/{OWNER}%2Fgroup%2F{NAME}/repository/archive.zip"
        if request.raw_path.partition("?")[0] != wanted or request.query.get("sha") != COMMIT:
            return web.Response(status=404, text='{"message":"404 Project Not Found"}')
        if self.private and authorization != f"Bearer {TOKEN}":
            return web.Response(status=404, text='{"message":"404 Project Not Found"}')
        if self.store is not None:
            raise web.HTTPFound(f"{self.store}/bucket/archive.zip?X-Amz-Signature=abc")
        return web.Response(body=archive(f"{NAME}-{COMMIT}-{COMMIT}"))


class FakeBitbucket(FakeGitHost):
    """Sends a stranger to a sign-in page, which answers 200."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/account/signin/":
            return web.Response(text="<html>Log in</html>", content_type="text/html")
        if self.limit is not None:
            return web.Response(status=429, headers=self.limit)
        authorization = request.headers.get("Authorization")
        basic = "Basic bWVAZXhhbXBsZS5jb206YS10b2tlbi10aGF0LW1heQ=="  # me@example.com
        if self.private and authorization is None:
            raise web.HTTPFound(f"/account/signin/?next={request.path}")
        if authorization not in (None, f"Bearer {TOKEN}", basic):
            return web.Response(status=401)
        if request.path != f"/{OWNER}/{NAME}/get/{COMMIT}.zip":
            return web.Response(status=404)
        return web.Response(body=archive(f"{OWNER}-{NAME}-{COMMIT[:12]}"))


class FakeGitea(FakeGitHost):
    """Knows `token T` alone; a whole site may want everybody to sign in."""

    sign_in = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization")
        if self.sign_in and authorization is None:
            raise web.HTTPSeeOther("/user/login")
        if authorization not in (None, f"token {TOKEN}", f"token {BLIND_TOKEN}"):
            return web.Response(status=401)
        wanted = f"/api/v1/repos/{OWNER}/{NAME}/archive/{COMMIT}.zip"
        if request.path != wanted or (self.private and authorization != f"token {TOKEN}"):
            return web.Response(status=404)
        return web.Response(body=archive(NAME))
