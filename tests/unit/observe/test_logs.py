"""What a worker has written, where Ray Serve knows only that something died."""

import time
from dataclasses import replace
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.observe.diagnose import diagnose
from bastaix.observe.logs import MOST_ERRORS, MOST_PODS, errors, wanted
from bastaix.observe.observed import Observed
from tests.unit.observe.scenes import HASH, UP, app, ready, scene

DIED = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s)"
LOST = "ray.exceptions.ActorUnavailableError: The actor abc is unavailable: Socket closed"
NO_ROOM = "ValueError: 2.1 GiB KV cache is needed, which is larger than the available KV cache"
BUSY = "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable"
TAKEN = "ValueError: Free memory on device (2/79 GiB) on startup is less than desired"
CUDA = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
RESET = "RuntimeError: NCCL error: remote process exited: Connection reset by peer"
GONE = "ray.exceptions.ActorDiedError: The actor died because its node has died."
NOWHERE = "ValueError: Invalid repository ID or local directory specified: 'a/b'"
WORDS = """\
(EngineCore pid=77) INFO 11-28 07:00:00 [core.py:95] Initializing ValueError: not this one
(ServeReplica:a:b pid=7, ip=10.0.0.1) (EngineCore pid=77) ERROR 11-28 07:00:01 [core.py:8] Failed
\x1b[36m(EngineCore pid=77)\x1b[0m ERROR 11-28 07:00:01 [core.py:8]   File "core.py", line 3, in run
(EngineCore pid=77) ERROR 11-28 07:00:01 [core.py:866] ValueError: too much
RuntimeError: Engine core initialization failed. See root cause above.
(EngineCore pid=78) ERROR 11-28 07:00:09 [core.py:866] ValueError: too much
torch.OutOfMemoryError: CUDA out of memory
{"message": "ValueError: in the middle of a line"}
"""


def failed(said: str, *logs: tuple[str, ...] | None) -> Observed:
    workers = []
    for n in range(max(1, len(logs))):
        worker = ready("worker", f"w{n}")
        worker["metadata"]["uid"] = f"uid-{n}"
        workers.append(worker)
    made = scene(
        rayservice=app("DEPLOY_FAILED", said, side="active"), pods=(ready("head"), *workers), **UP
    )
    return replace(made, logs={f"uid-{n}": each for n, each in enumerate(logs)})


def test_an_error_is_a_line_of_that_level_or_one_that_names_what_was_raised() -> None:
    assert errors(WORDS) == (
        "Failed",
        'File "core.py", line 3, in run',
        "RuntimeError: Engine core initialization failed. See root cause above.",
        "ValueError: too much",
        "torch.OutOfMemoryError: CUDA out of memory",
    )


def test_of_many_errors_the_last_are_kept() -> None:
    found = errors("\n".join(f"ValueError: {n}" for n in range(10_000)))
    assert len(found) == MOST_ERRORS
    assert found[-1] == "ValueError: 9999"


@pytest.mark.parametrize("line", ["(" * 100_000, "(a) " * 50_000, "a." * 100_000, "x" * 1_000_000])
def test_no_line_is_slow_to_read(line: str) -> None:
    before = time.process_time()
    assert errors(line) == ()
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("said", "log", "reason", "says"),
    [
        (DIED, (NO_ROOM, DIED), reasons.ENGINE_OUT_OF_MEMORY, NO_ROOM),
        (DIED, ("ValueError: odd", DIED), reasons.ENGINE_INIT_FAILED, "ValueError: odd"),
        (DIED, ("not an error", DIED), reasons.ENGINE_INIT_FAILED, DIED),
        (DIED, (), reasons.ENGINE_INIT_FAILED, DIED),
        (LOST, (NO_ROOM,), reasons.ENGINE_OUT_OF_MEMORY, NO_ROOM),
        (LOST, ("ValueError: odd",), reasons.REPLICA_LOST, LOST),
        ("KeyError: 'a'", (NO_ROOM,), reasons.SERVE_FAILED, "KeyError: 'a'"),
        (DIED, (BUSY, DIED), reasons.CONNECTION_FAILED, BUSY),
        (DIED, (NO_ROOM, DIED, TAKEN, DIED), reasons.DEVICE_MEMORY_TAKEN, TAKEN),
        (DIED, (CUDA, RESET, DIED), reasons.ENGINE_OUT_OF_MEMORY, CUDA),
        (LOST, (GONE,), reasons.NODE_LOST, GONE),
        (DIED, (NOWHERE, DIED), reasons.MODEL_NOT_FOUND, NOWHERE),
        (LOST, ("1 validation error for ChatCompletionRequest",), reasons.REPLICA_LOST, LOST),
    ],
)
def test_the_log_decides_where_ray_serve_knows_no_cause(
    said: str, log: tuple[str, ...], reason: Reason, says: str
) -> None:
    found = diagnose(failed(said, log), HASH)
    assert (found.reason, found.message) == (reason, says)


def test_a_cause_is_that_of_the_pod_that_named_it() -> None:
    found = diagnose(failed(DIED, ("ValueError: odd",), (NO_ROOM,)), HASH)
    assert (found.reason, found.object) == (reasons.ENGINE_OUT_OF_MEMORY, "Pod/w1")


def test_what_will_not_heal_is_not_said_while_a_log_may_still_be_read() -> None:
    found = diagnose(failed(DIED, None), HASH)
    assert found.reason.heals == "itself"
    assert "w0" in found.message


def test_a_secret_in_a_log_is_masked() -> None:
    found = diagnose(failed(DIED, ("ValueError: token=hf_abcdefghijklmnop",)), HASH)
    assert "abcdefghijklmnop" not in found.message


def names(observed: Observed) -> list[Any]:
    return [pod["metadata"]["name"] for pod, _ in wanted(observed)]


def test_the_logs_of_a_few_workers_are_wanted_while_nobody_knows_the_cause() -> None:
    many = ((),) * (MOST_PODS + 2)
    assert names(failed(DIED)) == ["w0"]
    assert names(failed(DIED, *many)) == [f"w{n}" for n in range(MOST_PODS)]
    assert names(failed("KeyError: 'a'")) == []
    assert names(scene(rayservice=app("RUNNING", DIED), pods=(ready("worker"),), **UP)) == []


def test_a_pod_in_which_nothing_runs_has_no_log() -> None:
    observed = failed(DIED)
    *_, worker = observed.pods
    pending = {**worker, "status": {"phase": "Pending"}}
    assert names(replace(observed, pods=(pending,))) == []
    first = [
        {**pending, "metadata": {**pending["metadata"], "name": f"a{n}"}} for n in range(MOST_PODS)
    ]
    assert names(replace(observed, pods=(*first, worker))) == ["w0"]
