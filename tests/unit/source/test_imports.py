"""Whether an importPath can be imported: what is read from the syntax is what Python does."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bastaix.source.imports import check
from bastaix.source.modules import Code, Missing, Unknown

HERE = (sys.version_info[0], sys.version_info[1])


@dataclass(frozen=True)
class Case:
    """Some files, what is to be imported, and why it cannot be; None if it can."""

    behaviour: str
    files: dict[str, str]
    says: str | None = None
    import_path: str = "app:build"

    def __str__(self) -> str:
        return self.behaviour


def app(behaviour: str, text: str, says: str | None = None) -> Case:
    return Case(behaviour, {"app.py": text}, says)


def package(behaviour: str, says: str | None = None, **files: str) -> Case:
    """Modules of a package `pkg`, whose build is wanted."""
    named = {f"pkg/{name}.py": text for name, text in files.items()}
    return Case(behaviour, named, says, "pkg:build")


NO = "app.py has no name build"

CASES = [
    app("a function", "def build(args): ..."),
    app("a coroutine", "async def build(): ..."),
    app("a class", "class build: ..."),
    app("an assignment", "build = 1"),
    app("one of several targets", "a = (b, [c, *build]) = 1, [2, 3, 4]"),
    app("an annotated assignment", "build: int = 1"),
    app("an annotation alone binds nothing", "build: int", NO),
    app("an import", "import json as build"),
    app("the first name of a dotted import", "import xml.dom as x, json.decoder", NO),
    app("an import from what is installed", "from json import loads as build"),
    app("a walrus", "print(build := 1)"),
    app("a walrus in a comprehension", "[build := x for x in [1]]"),
    app("a walrus in a decorator", "@(build := lambda f: f)\ndef f(): ..."),
    app("a walrus in a default", "def f(a=(build := 1)): ..."),
    app("a walrus in a lambda is the lambda's", "f = lambda: (build := 1)", NO),
    app("the variable of a loop", "for build in [1]: ..."),
    app("the variable of a comprehension is its own", "[0 for build in [1]]", NO),
    app("the target of a with", "with open(__file__) as build: ..."),
    app("a name in a match", "match [1, 2]:\n case [_, *build]: ..."),
    app("the rest of a mapping", "match {1: 2}:\n case {**build}: ..."),
    app("a caught exception is unbound again", "try: 1/0\nexcept Exception as build: ...", NO),
    app("in an if", "if True:\n  build = 1\nelse:\n  pass"),
    app("in an elif", "if 0: ...\nelif 1:\n  def build(): ..."),
    app("in a try", "try:\n  import nowhere\nexcept ImportError:\n  build = 1"),
    app("in a finally", "try: ...\nfinally:\n  build = 1"),
    app("in a while", "while True:\n  build = 1\n  break"),
    app("in a function is not in the module", "def f():\n  build = 1", NO),
    app("in a class is not in the module", "class A:\n  build = 1", NO),
    app("only when run as a program", 'if __name__ == "__main__":\n  build = 1', NO),
    app(
        "only for type checkers",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from a import build",
        NO,
    ),
    app("deleted", "build = 1\ndel build", NO),
    app("deleted and bound again", "build = 1\ndel build\nbuild = 2"),
    app("a slip of the finger", "def buidl(): ...", f"{NO}; did you mean buidl?"),
    app("a tab among spaces", "if 1:\n        a = 1\n\tb = 2", "app.py line 3 is not valid Python"),
    app("a syntax error", "a = 1\nb = (2\n", "app.py line 2 is not valid Python"),
    app("NUL bytes", "build = 1\0", "not valid Python"),
    app("an encoding that does not exist", "# coding: nonsense\nbuild = 1", "not valid Python"),
    app("not the encoding it says", "# coding: ascii\nbuild = '\u00e9'", "not valid Python"),
    app("a byte order mark", "\ufeffbuild = 1"),
    app(
        "a relative import at the root",
        "from .other import x\nbuild = 1",
        "app.py line 1 imports from .other, but is in no package",
    ),
    Case("a module in a package", {"a/__init__.py": "", "a/b.py": "build = 1"}, None, "a.b:build"),
    Case("a folder without __init__.py", {"a/b.py": "build = 1"}, None, "a.b:build"),
    Case("such a folder itself", {"a/b.py": ""}, "a/ is a folder without", "a:build"),
    Case("a module in a module", {"a.py": "", "a/b.py": ""}, "no module a.b", "a.b:build"),
    Case(
        "a broken package above",
        {"a/__init__.py": "(", "a/b.py": "build = 1"},
        "a/__init__.py line 1 is not valid",
        "a.b:build",
    ),
    Case("star from the code", {"app.py": "from other import *", "other.py": "build = 1"}),
    Case(
        "star leaves out what __all__ does",
        {"app.py": "from other import *", "other.py": "__all__ = ['a']\na = build = 1"},
        NO,
    ),
    Case(
        "star takes what __all__ adds",
        {
            "app.py": "from o import *",
            "o.py": "__all__ = ['a']\n__all__ += ('build',)\na = build = 1",
        },
    ),
    Case(
        "star takes what an __all__ of elsewhere says",
        {
            "app.py": "from o import *",
            "o.py": "from i import *\nfrom i import __all__",
            "i.py": "__all__ = ['_build']\n_build = 1",
        },
        None,
        "app:_build",
    ),
    Case("stars in a circle", {"app.py": "from o import *", "o.py": "from app import *"}, NO),
    Case(
        "a slip behind a star",
        {"app.py": "from o import *", "o.py": "def buld(): ..."},
        f"{NO}; did you mean buld?",
    ),
    Case(
        "star leaves out underscores",
        {"app.py": "from o import *", "o.py": "_build = 1"},
        "has no name _build",
        "app:_build",
    ),
    package("a re-export", __init__="from .a import build", a="def build(): ..."),
    package("a re-export by another name", __init__="from .a import b as build", a="b = 1"),
    package("an absolute re-export", __init__="from pkg.a import build", a="build = 1"),
    package(
        "over two modules", __init__="from .a import *", a="from .b import build", b="build = 1"
    ),
    package(
        "a re-export of what is not there",
        "pkg/__init__.py line 1 imports build from .a, but pkg/a.py has no name build;"
        " did you mean built?",
        __init__="from .a import build",
        a="built = 1",
    ),
    package(
        "a re-export from a module that is not there",
        "pkg/__init__.py line 1 imports from .a, which is not in the source",
        __init__="from .a import build",
    ),
    package(
        "another import from a module that is not there",
        "pkg/__init__.py line 1 imports from .a, which is not in the source",
        __init__="from .a import other\nbuild = 1",
    ),
    package(
        "the same where it is allowed to fail",
        __init__="try:\n  from .a import build\nexcept ImportError:\n  build = 1",
    ),
    package(
        "allowed to fail, and nothing in its place",
        "imports from .a, which is not in the source",
        __init__="try:\n  from .a import build\nexcept ImportError: ...",
    ),
    package(
        "re-exports in a circle",
        "has no name build to take",
        __init__="from .a import build",
        a="from . import build",
    ),
    package("a module of the package", __init__="from . import build", build=""),
    package(
        "above the root",
        "pkg/__init__.py line 1 imports from ..a",
        __init__="from ..a import build",
        a="",
    ),
]


def verdict(case: Case) -> str | None:
    tree = {path: text.encode() for path, text in case.files.items()}
    try:
        check(Code(tree, HERE), case.import_path, None)
    except Missing as missing:
        return str(missing)
    return None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reads_from_the_syntax_whether_the_name_is_bound(case: Case) -> None:
    said = verdict(case)
    if case.says is None:
        assert said is None
    else:
        assert said is not None
        assert case.says in said


@pytest.mark.parametrize("case", CASES, ids=str)
def test_python_itself_agrees(case: Case, tmp_path: Path) -> None:
    for path, text in case.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text.encode())
    module, _, name = case.import_path.partition(":")
    imported = subprocess.run(
        [sys.executable, "-S", "-c", f"import {module} as m; m.{name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (imported.returncode == 0) == (case.says is None), imported.stderr


UNKNOWN = [
    ({"app.py": "globals()['build'] = 1"}, "line 1 calls globals()"),
    ({"app.py": "exec('build = 1')"}, "line 1 calls exec()"),
    ({"app.py": "vars()['build'] = 1"}, "line 1 calls vars()"),
    ({"app.py": "import sys\nsetattr(sys.modules[__name__], 'build', 1)"}, "uses sys.modules"),
    ({"app.py": "from sys import modules\nmodules[__name__].build = 1"}, "line 1 uses sys.mod"),
    ({"app.py": "import sys as _sys\n_sys.modules[__name__].build = 1"}, "line 2 uses sys.mod"),
    (
        {"app.py": "from importlib import import_module\nimport_module(__name__).build = 1"},
        "line 2 imports the module itself",
    ),
    (
        {"app.py": "import enum\n@enum.global_enum\nclass E(enum.Enum):\n  build = 1"},
        "line 2 makes names of an enum",
    ),
    ({"app.py": "def __getattr__(name): return 1"}, "defines __getattr__"),
    ({"app.py": "def f():\n  global build\n  build = 1\nf()"}, "`global` statement"),
    ({"app.py": "from ray.serve import *"}, "takes all names of ray.serve"),
    ({"app.py": "from o import *", "o.py": "globals()['build'] = 1"}, "line 1 calls globals()"),
    ({"app.cpython-312-x86_64-linux-gnu.so": ""}, "app is compiled"),
    ({"app.abi3.so": "", "app.py": "other = 1"}, "app is compiled"),
    ({"app/__init__.so": "", "app/__init__.py": "other = 1"}, "app is compiled"),
    ({"app/__init__.pyc": "", "app.py": "other = 1"}, "app is compiled"),
]


@pytest.mark.parametrize(("files", "why"), UNKNOWN, ids=[why for _, why in UNKNOWN])
def test_does_not_judge_what_syntax_does_not_show(files: dict[str, str], why: str) -> None:
    tree = {path: text.encode() for path, text in files.items()}
    with pytest.raises(Unknown, match=why.replace("(", r"\(").replace(")", r"\)")):
        check(Code(tree, HERE), "app:build", None)


@pytest.mark.parametrize(
    "beside", ["app.pyc", "app.pyd", "a.so", "sub/app.so", "app.so/x", "__pycache__/app.so"]
)
def test_what_python_does_not_prefer_does_not_hide_a_module(beside: str) -> None:
    with pytest.raises(Missing, match=r"app\.py has no name build"):
        check(Code({"app.py": b"other = 1", beside: b""}, HERE), "app:build", None)


def test_a_package_comes_before_a_compiled_module() -> None:
    check(Code({"app/__init__.py": b"build = 1", "app.so": b""}, HERE), "app:build", None)


def test_a_package_that_looks_elsewhere_too_is_not_judged() -> None:
    tree = {"pkg/__init__.py": b"__path__.append('/opt/more')"}
    with pytest.raises(Unknown, match="may be made as the code runs"):
        check(
            Code({**tree, "app.py": b"from pkg.a import build"}, HERE),
            "app:build",
            None,
        )


def test_a_literal_all_that_is_added_to_as_it_runs_is_not_judged() -> None:
    other = b"import sys\n__all__ = []\n__all__.append('build')\ngetattr(sys, 'modules')\nbuild = 1"
    check(Code({"app.py": b"from other import *", "other.py": other}, HERE), "app:build", None)


def test_a_module_of_the_image_is_not_looked_for_in_the_source() -> None:
    with pytest.raises(Unknown, match="must be in the runtime image"):
        check(Code({"a.py": b""}, HERE), "ray.serve.llm:build_openai_app", None)


@pytest.mark.parametrize("text", ["x = (f'{a['b']}')", "type A = int", "def f[T](x: T): ..."])
def test_grammar_newer_than_what_checks_it_is_not_judged(text: str) -> None:
    newer = (HERE[0], HERE[1] + 1)
    try:
        compile(text, "app.py", "exec")
    except SyntaxError:
        for python in (newer, None):
            with pytest.raises(Unknown, match=r"app.py line 2 may be for a newer Python"):
                check(Code({"app.py": f"build = 1\n{text}\n".encode()}, python), "app:build", None)
        with pytest.raises(Missing, match=r"app.py line 2 is not valid Python"):
            check(Code({"app.py": f"build = 1\n{text}\n".encode()}, HERE), "app:build", None)
    else:
        pytest.skip("this Python knows it")


def test_what_no_python_takes_is_told_even_of_a_newer_one() -> None:
    with pytest.raises(Missing, match=r"app.py line 1 is not valid Python 3.99: '\(' was never"):
        check(Code({"app.py": b"build = (1\n"}, (3, 99)), "app:build", None)


def test_grammar_newer_than_what_runs_it_is_told() -> None:
    text = b"try: ...\nexcept* ValueError: ...\nbuild = 1"
    with pytest.raises(Missing, match=r"is not valid Python 3.10"):
        check(Code({"app.py": text}, (3, 10)), "app:build", None)


SOMEWHERE = [
    (["serve_apps/vllm/app.py"], "app:build", None,
     "no module app: app.py stands at serve_apps/vllm/app.py; set path: serve_apps/vllm"),
    (["vllm/app.py"], "app:build", "serve_apps",
     "no module app: app.py stands at vllm/app.py; set path: serve_apps/vllm"),
    (["x/serve/app.py"], "serve.app:build", None,
     "no module serve.app: serve/app.py stands at x/serve/app.py; set path: x"),
    (["x/y/app.py"], "serve.app:build", None,
     "no module serve.app: app.py stands at x/y/app.py; set path: x/y"
     " and app.importPath: app:build"),
    (["app.py"], "serve.app:build", None,
     "no module serve.app: app.py stands at the root; set app.importPath: app:build"),
    (["deep/er/app.py", "a/app.py"], "app:build", None,
     "no module app: app.py stands at a/app.py; set path: a"),
    (["main.py", "server.py"], "sevrer:build", None, "no module sevrer; did you mean server?"),
    ([f"m{n}.py" for n in range(10)], "app:build", None,
     "no module app: at the root there is m0, m1, m2, m3, m4, m5, m6, m7 and 2 more"),
    (["README.md"], "app:build", None, "no module app: at the root there is no Python"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "import_path", "path", "says"), SOMEWHERE)
def test_says_where_the_module_is_instead(
    files: list[str], import_path: str, path: str | None, says: str
) -> None:
    with pytest.raises(Missing) as missing:
        check(Code(dict.fromkeys(files, b""), HERE), import_path, path)
    assert str(missing.value) == says
