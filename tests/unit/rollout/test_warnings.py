"""What can change under a pinned commit is said, and stops nothing."""

import pytest

from bastaix.reconcile.kinds import POD
from tests.unit.reconcile.stage import Stage, answering

DIGEST = "@sha256:" + "0" * 64
COMMIT = "7e27bd9f95328f0f3b08261d1252705110c806f8"


def warned(stage: Stage) -> str:
    stage.run()
    found = [each for each in stage.status["conditions"] if each["type"] == "Warning"]
    return found[0]["message"] if found else ""


@pytest.mark.parametrize(
    "source", ["hf://org/model", "hf://org/model@main", f"hf://org/model@{COMMIT[:7]}"]
)
def test_weights_of_the_hub_without_a_commit_are_told(source: str) -> None:
    stage = answering(spec__model={"id": "smollm2", "source": source})
    assert f"the weights of {source} can change" in warned(stage)
    assert stage.ready["status"] == "True"


@pytest.mark.parametrize(
    "image", ["registry.example/a", "localhost:5000/a:latest", "a/b:nightly", "a:main"]
)
def test_an_image_whose_tag_moves_is_told(image: str) -> None:
    assert f"image {image} can change" in warned(answering(spec__runtime={"image": image}))


@pytest.mark.parametrize("image", ["a/b:1.2.3", f"a/b:latest{DIGEST}", f"localhost:5000/a{DIGEST}"])
@pytest.mark.parametrize("source", [f"hf://org/model@{COMMIT}", "pvc://models/a", "s3://b/a"])
def test_what_is_pinned_is_not(image: str, source: str) -> None:
    model = {"id": "smollm2", "source": source}
    assert warned(answering(spec__model=model, spec__runtime={"image": image})) == ""


def test_the_images_that_run_are_in_the_status_by_their_digests() -> None:
    stage = answering()
    ran = f"registry.example/ray{DIGEST}"
    for pod in stage.listed(POD):
        name = pod["spec"]["containers"][0]["name"]
        running = {"name": name, "imageID": ran, "restartCount": 0}
        status = {**pod["status"], "containerStatuses": [running]}
        stage.cluster.put(POD, {**pod, "status": status})
    stage.run()
    assert stage.status["active"]["images"] == [ran]
    stage.clock.forward(3600)
    a = stage.rayservice["metadata"]["name"]
    stage.set("spec.app.importPath", "app:other")
    stage.run()
    (b,) = {each["metadata"]["name"] for each in stage.rayservices} - {a}
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert "images" not in stage.status["active"], "those were of the revision before"
