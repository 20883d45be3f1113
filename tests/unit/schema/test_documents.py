"""What is read from a file, and why one cannot be."""

from typing import Any

import pytest

from bastaix.schema.documents import Unusable, read, refuse_templates
from bastaix.schema.secrets import find


def test_reads_every_document_and_the_items_of_a_list() -> None:
    text = "kind: A\n---\n# nothing\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n"
    assert [body["kind"] for body in read(text, "f")] == ["A", "B", "C"]


def test_reads_json() -> None:
    assert read('{"kind": "A", "n": 1}', "f") == [{"kind": "A", "n": 1}]


def test_dates_stay_texts_and_keys_become_them() -> None:
    assert read("kind: A\nd: 2026-01-02\n1: a\n", "f") == [
        {"kind": "A", "d": "2026-01-02", "1": "a"}
    ]


def test_takes_anchors_and_merges() -> None:
    assert read("kind: A\na: &a {b: 1}\nc: {<<: *a, d: 2}\n", "f")[0]["c"] == {"b": 1, "d": 2}


UNUSABLE = [
    ("a: [", "f line 1 is not YAML"),
    ("a: {{ .Values.a }}", "it looks like a template: fill it in first"),
    ("a: {b: ${B}}", "it looks like a template: fill it in first"),
    ("kind: List\nitems: 3", "f has a List whose items are no list"),
    ("a: 1\na: 2", "f line 2 is not YAML: the key 'a' stands twice"),
    ("- a", "f has a document that is no object"),
    ("a: &a [*a]", "f holds what JSON cannot say"),
    ("a: .inf", "f holds what JSON cannot say"),
    ("a: !!python/object:os.system x", "f line 1 is not YAML"),
    ("a: !!binary aGk=", "f holds what JSON cannot say"),
    ("\x00", "f holds what JSON cannot say"),
]


@pytest.mark.parametrize(("text", "says"), UNUSABLE)
def test_says_why_a_file_is_of_no_use(text: str, says: str) -> None:
    with pytest.raises(Unusable) as unusable:
        read(text, "f")
    assert says in str(unusable.value)


@pytest.mark.parametrize("text", ["${COMMIT}", "$(COMMIT)", "x-{{ commit }}", "<the commit>"])
def test_a_template_is_to_be_filled_in(text: str) -> None:
    body = {"spec": {"source": {"git": {"commit": text}}}}
    with pytest.raises(
        Unusable, match=r"spec\.source\.git\.commit has the placeholder .* envsubst"
    ):
        refuse_templates(body)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"app": {"importPath": "${APP}"}}, r"spec\.app\.importPath"),
        ({"scaling": {"minReplicas": "${MIN}"}}, r"spec\.scaling\.minReplicas"),
        ({"resources": {"gpu": {"count": "$(GPUS)"}}}, r"spec\.resources\.gpu\.count"),
    ],
)
def test_so_is_one_in_any_field_that_is_not_the_apps(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Unusable, match=rf"^{field} has the placeholder"):
        refuse_templates({"spec": spec})


def test_what_the_app_gets_may_look_like_a_template() -> None:
    env = [{"name": "A", "value": "$(B) ${C}"}]
    source = {"git": {"archiveURL": "https://g.dev/{commit}.zip", "exclude": ["$*", "{a,b}"]}}
    spec = {"app": {"args": {"prompt": "{{ x }}"}}, "runtime": {"env": env}, "source": source}
    refuse_templates({"spec": spec})


SECRET = {
    "kind": "Secret",
    "metadata": {"name": "t", "namespace": "demo"},
    "data": {"token": "YS10b2\ntlbg==", "hosts": "Zy5kZXY="},
    "stringData": {"hosts": "h.dev"},
}


def test_reads_a_secret_as_the_api_server_does() -> None:
    assert find([SECRET], "t", "demo") == {"token": b"a-token", "hosts": b"h.dev"}


def test_a_secret_of_another_name_or_namespace_is_not_the_one() -> None:
    assert find([SECRET], "u", "demo") is None
    assert find([SECRET], "t", "other") is None
    assert find([{**SECRET, "kind": "ConfigMap"}], "t", "demo") is None


def test_what_is_no_secret_is_passed_over() -> None:
    others = [{"kind": "Secret"}, {"kind": "Secret", "metadata": "t"}]
    assert find([*others, SECRET], "t", "demo") == find([SECRET], "t", "demo") is not None


def test_a_secret_that_is_encrypted_is_not_repeated() -> None:
    with pytest.raises(Unusable, match=r"Secret t: data\.token is not base64") as unusable:
        find([{**SECRET, "data": {"token": "ENC[hunter2]"}}], "t", "demo")
    assert "hunter2" not in str(unusable.value)
