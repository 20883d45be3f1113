"""What Ray Serve's tracebacks mean: each with the words that Ray and vLLM have for it."""

import time

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.observe.causes import cause

IMPORT_PATH = "app:build"
DEPLOYING = "Deploying app 'app' failed with exception:\nTraceback (most recent call last):\n"
CONSTRUCTOR = (
    "The deployment failed to start 3 times in a row. This may be due to a problem with its"
    " constructor or initial health check failing. See controller logs for details. Retrying 0"
    " more time(s). Error:\n\x1b[36mray::ServeReplica:app:LLM.initialize()\x1b[39m\n"
)
ENGINE = CONSTRUCTOR + "RuntimeError: Engine core initialization failed. See root cause above.\n"

TEXTS: list[tuple[str, str, Reason, str]] = [
    *(
        (f"the network: {line}", CONSTRUCTOR + line, reasons.CONNECTION_FAILED, line)
        for line in (
            "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: x",
            "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: x",
            "requests.exceptions.ReadTimeout: HTTPSConnectionPool: Read timed out.",
            'botocore.EndpointConnectionError: Could not connect to the endpoint URL: "x"',
            "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
            "psycopg.OperationalError: connection to server failed: Connection refused",
        )
    ),
    (
        "an import that is provided for, and then the network",
        DEPLOYING
        + "ModuleNotFoundError: No module named 'hf_transfer'\n\n"
        + "During handling of the above exception, another exception occurred:\n\n"
        + "ConnectionError: Temporary failure in name resolution\n",
        reasons.CONNECTION_FAILED,
        "name resolution",
    ),
    (
        "an import that is turned into another error",
        DEPLOYING
        + "ModuleNotFoundError: No module named 'flash_attn'\n\n"
        + "During handling of the above exception, another exception occurred:\n\n"
        + "RuntimeError: install it\n",
        reasons.DEPENDENCY_MISSING,
        "'flash_attn'",
    ),
    (
        "vLLM's words for whatever went wrong, and what did",
        CONSTRUCTOR + "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "ValueError: Invalid repository ID or local directory specified: 'a/b'.",
        reasons.CONNECTION_FAILED,
        "429 Client Error",
    ),
    (
        "vLLM's words for whatever went wrong, and nothing else",
        CONSTRUCTOR + "ValueError: Invalid repository ID or local directory specified: 'a/b'.",
        reasons.MODEL_NOT_FOUND,
        "Invalid repository ID",
    ),
    (
        "shared memory that is full",
        ENGINE + "RuntimeError: unable to allocate shared memory(shm) for file </torch_1_2>: No"
        " space left on device (28)",
        reasons.SHARED_MEMORY_TOO_SMALL,
        "shared memory",
    ),
    (
        "shared memory that is full, in Python's words",
        ENGINE + "OSError: [Errno 28] No space left on device: '/dev/shm/psm_1'",
        reasons.SHARED_MEMORY_TOO_SMALL,
        "/dev/shm",
    ),
    (
        "a node that went away under a replica",
        CONSTRUCTOR + "ray.exceptions.ActorDiedError: The actor died because its node has died.",
        reasons.NODE_LOST,
        "its node has died",
    ),
    (
        "a disk without room for the weights",
        CONSTRUCTOR + "OSError: [Errno 28] No space left on device",
        reasons.DISK_FULL,
        "No space left",
    ),
    (
        "a device that somebody else has filled",
        ENGINE + "ValueError: Free memory on device cuda:0 (2.1/79.1 GiB) on startup is less than"
        " desired GPU memory utilization (0.9, 71.2 GiB).",
        reasons.DEVICE_MEMORY_TAKEN,
        "Free memory on device",
    ),
    (
        "a connection of Ray's own, which breaks with a process",
        CONSTRUCTOR + "ActorUnavailableError: RPC error: failed to connect: Connection refused",
        reasons.REPLICA_LOST,
        "RPC error",
    ),
    (
        "the app's module is not there",
        DEPLOYING + "ModuleNotFoundError: No module named 'app'",
        reasons.IMPORT_FAILED,
        "No module named 'app'",
    ),
    (
        "a relative import at the root",
        DEPLOYING + "ImportError: attempted relative import with no known parent package",
        reasons.IMPORT_FAILED,
        "attempted relative import",
    ),
    (
        "an error of any kind while the module is read",
        DEPLOYING
        + '  File "/x/ray/_common/utils.py", line 113, in import_attr\n'
        + '  File "/r/working_dir_files/file_1/app.py", line 7, in <module>\n'
        + "KeyError: 'MODEL_ID'\n",
        reasons.IMPORT_FAILED,
        "app.py line 7: KeyError: 'MODEL_ID'",
    ),
    (
        "an error in the constructor, in a module below",
        CONSTRUCTOR
        + '  File "/r/working_dir_files/file_1/app.py", line 7, in __init__\n'
        + '  File "/r/working_dir_files/file_1/models/load.py", line 30, in load\n'
        + '  File "/opt/venv/lib/torch/serialization.py", line 1, in load\n'
        + "RuntimeError: the weights are torn\n",
        reasons.CONSTRUCTOR_FAILED,
        "models/load.py line 30: RuntimeError: the weights are torn",
    ),
    (
        "an argument of the engine that the serve app does not find",
        DEPLOYING + "arguments.WrongArguments: wrong arguments: llm_configs[0].engine_kwargs has"
        " no key 'max_len': did you mean 'max_model_len'?",
        reasons.ENGINE_ARGUMENT_UNKNOWN,
        "did you mean 'max_model_len'?",
    ),
    (
        "a value that pydantic does not take",
        CONSTRUCTOR + "RuntimeError: Failed to create vLLM engine config: 1 validation error for"
        " ModelConfig\nmax_model_len\n  Input should be a valid integer [input_value='many']\n"
        "    For further information visit a page\n",
        reasons.ARGUMENTS_REJECTED,
        "for ModelConfig: max_model_len: Input should be a valid integer [input_value='many']",
    ),
    (
        "a hub that does not answer",
        CONSTRUCTOR + "huggingface_hub.errors.LocalEntryNotFoundError: Got: ConnectTimeout: \nAn"
        " error happened while trying to locate the files on the Hub, and we cannot find the"
        " appropriate snapshot folder for the specified revision on the local disk. Please check"
        " your internet connection and try again.\n",
        reasons.HUB_UNREACHABLE,
        "check your internet connection",
    ),
    (
        "a hub that may not be asked",
        CONSTRUCTOR + "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested"
        " files in the disk cache and outgoing traffic has been disabled. To enable hf.co look-ups"
        " and downloads online, set 'local_files_only' to False.\n",
        reasons.MODEL_NOT_FOUND,
        "outgoing traffic has been disabled",
    ),
    (
        "a package that the image lacks",
        DEPLOYING + "ModuleNotFoundError: No module named 'langchain'\n",
        reasons.DEPENDENCY_MISSING,
        "'langchain'",
    ),
    (
        "a package of another version",
        DEPLOYING + "ImportError: cannot import name 'Cat' from 'zoo.cats' (/x/zoo/cats.py)",
        reasons.DEPENDENCY_MISFIT,
        "cannot import name 'Cat'",
    ),
    (
        "a name that another module of the app lacks",
        DEPLOYING + "ImportError: cannot import name 'Cat' from 'answers'"
        " (/tmp/ray/session_1/runtime_resources/working_dir_files/x/source/answers.py)",
        reasons.IMPORT_FAILED,
        "cannot import name 'Cat'",
    ),
    (
        "modules of the app that import each other",
        DEPLOYING + "ImportError: cannot import name 'Cat' from partially initialized module 'app'"
        " (most likely due to a circular import)",
        reasons.IMPORT_FAILED,
        "circular import",
    ),
    (
        "a name that the app's module lacks",
        DEPLOYING + "AttributeError: module 'app' has no attribute 'build'",
        reasons.ATTRIBUTE_MISSING,
        "no attribute 'build'",
    ),
    (
        "a class where an application must be",
        DEPLOYING + "TypeError: Expected a built Serve application or an application builder"
        " function but got: <class 'ray.serve.deployment.Deployment'>.",
        reasons.NOT_AN_APPLICATION,
        "but got: <class",
    ),
    (
        "a builder without a return",
        DEPLOYING + "TypeError: Application builder functions must return an `Application`"
        " returned `from `Deployment.bind()`, but got: <class 'NoneType'>.",
        reasons.NOT_AN_APPLICATION,
        "NoneType",
    ),
    (
        "a key that our apps do not know",
        DEPLOYING + "arguments.WrongArguments: wrong arguments: llm_configs[0].engine_kwarg is"
        " unknown, did you mean 'engine_kwargs'?",
        reasons.ARGUMENTS_REJECTED,
        "engine_kwarg is unknown",
    ),
    (
        "an argument that the engine does not know",
        ENGINE + "TypeError: AsyncEngineArgs.__init__() got an unexpected keyword argument 'tp'\n",
        reasons.ENGINE_ARGUMENT_UNKNOWN,
        "'tp'",
    ),
    (
        "a zip that is none",
        "Runtime env setup for app 'app' failed:\nzipfile.BadZipFile: File is not a zip file",
        reasons.RUNTIME_ENV_FAILED,
        "File is not a zip file",
    ),
    (
        "a model of which nobody knows",
        CONSTRUCTOR + "OSError: acme/nothing is not a local folder and is not a valid model"
        " identifier listed on the hub\nIf this is a private repository, pass a token",
        reasons.MODEL_NOT_FOUND,
        "acme/nothing",
    ),
    (
        "a gated model",
        CONSTRUCTOR + "huggingface_hub.errors.GatedRepoError: 401 Client Error.\n"
        "OSError: You are trying to access a gated repo.",
        reasons.MODEL_ACCESS_DENIED,
        "GatedRepoError",
    ),
    (
        "an architecture that the engine lacks",
        ENGINE + "ValueError: Model architectures ['NewLM'] are not supported for now.",
        reasons.MODEL_INCOMPATIBLE,
        "NewLM",
    ),
    (
        "no memory for the cache",
        ENGINE + "ValueError: No available memory for the cache blocks. Try increasing",
        reasons.ENGINE_OUT_OF_MEMORY,
        "cache blocks",
    ),
    (
        "too little shared memory",
        ENGINE + "RuntimeError: Insufficient space in /dev/shm: 160 MiB required, 64 MiB free",
        reasons.SHARED_MEMORY_TOO_SMALL,
        "160 MiB required",
    ),
    (
        "an engine that says no more",
        ENGINE,
        reasons.ENGINE_INIT_FAILED,
        "Engine core initialization failed",
    ),
    (
        "a replica that was killed",
        CONSTRUCTOR + "ray.exceptions.ActorUnavailableError: The actor is unavailable: Socket"
        " closed",
        reasons.REPLICA_LOST,
        "Socket closed",
    ),
    (
        "an error of the app's own",
        CONSTRUCTOR + "ValueError: the weights are torn",
        reasons.CONSTRUCTOR_FAILED,
        "ValueError: the weights are torn",
    ),
    (
        "what nobody has seen before",
        "Unexpected error occurred while deploying application:\nKeyError: 1",
        reasons.SERVE_FAILED,
        "KeyError: 1",
    ),
    ("nothing at all", "", reasons.SERVE_FAILED, "without a word why"),
]


@pytest.mark.parametrize(
    ("text", "reason", "says"), [pytest.param(*each[1:], id=each[0]) for each in TEXTS]
)
def test_names_what_broke_with_the_line_that_says_so(text: str, reason: Reason, says: str) -> None:
    found = cause(text, IMPORT_PATH)
    assert found.reason == reason
    assert says in found.message
    assert "\x1b" not in found.message


def test_a_module_of_the_app_below_another_is_its_own() -> None:
    text = DEPLOYING + "ModuleNotFoundError: No module named 'serving.rules'"
    assert cause(text, "serving.app:build").reason == reasons.IMPORT_FAILED
    assert cause(text, "app:build").reason == reasons.DEPENDENCY_MISSING


def test_the_id_of_an_actor_is_no_evidence() -> None:
    lost = r"ActorUnavailableError('Socket closed', b'\x06\xe2\'m\x9b')"
    assert (
        cause(CONSTRUCTOR + lost, IMPORT_PATH).message == "ActorUnavailableError('Socket closed')"
    )


@pytest.mark.parametrize(
    "text",
    [
        ", b'" + "\\x80" * 30_000,
        "/working_dir_files/a/" * 20_000,
        "Access to model " * 20_000,
        "Quantization " * 20_000,
        "Model architectures " * 20_000,
        "the node " * 30_000,
    ],
)
def test_a_text_that_is_made_to_be_slow_is_not(text: str) -> None:
    before = time.process_time()
    cause(CONSTRUCTOR + text, IMPORT_PATH)
    assert time.process_time() - before < 5
