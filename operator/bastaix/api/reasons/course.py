"""What goes on, in the order in which it goes on, and the good ends."""

from typing import Final

from bastaix.api.reasons.reason import Reason

READY: Final = Reason(
    "Ready", "The current generation answered through the stable Service.", "", "itself"
)
SUSPENDED: Final = Reason(
    "Suspended",
    "spec.suspend is true: no Pods run, the name and the Service stay.",
    "Set spec.suspend to false to start again.",
    "itself",
    is_wanted=True,
)
ANSWERING: Final = Reason(
    "Answering", "The stable Service leads to a revision that answered.", "", "itself"
)
NOT_ANSWERING: Final = Reason(
    "NotAnswering", "The stable Service leads to no revision that answered.", "", "itself"
)
FETCHING_SOURCE: Final = Reason(
    "FetchingSource",
    "The source controller fetches the code and checks it.",
    "If it lasts, look whether the source controller runs.",
    "itself",
)
DRAINING: Final = Reason(
    "Draining", "The Pods of the revision before are being removed.", "Wait.", "itself"
)
SCHEDULING: Final = Reason(
    "Scheduling",
    "A Pod, or a replica in Ray, waits for a place that has what it asks for.",
    "Compare spec.resources and runtime.head.resources with what the nodes have free.",
    "itself",
)
BINDING_VOLUME: Final = Reason(
    "BindingVolume",
    "A claim that a Pod needs is there and is not bound to a volume yet.",
    "If it lasts, look at the Events of the claim, its storage class and its size.",
    "itself",
)
PULLING_IMAGE: Final = Reason(
    "PullingImage", "A node pulls the image or mounts the volumes.", "Wait.", "itself"
)
STARTING_RAY: Final = Reason(
    "StartingRay", "The Ray cluster of this revision is coming up.", "Wait.", "itself"
)
LOADING_MODEL: Final = Reason(
    "LoadingModel",
    "Ray Serve builds the app: code, Python imports, weights, engine.",
    "Wait; `kubectl logs` of the worker Pod shows what it does.",
    "itself",
)
AWAITING_ANSWER: Final = Reason(
    "AwaitingAnswer", "The app runs; its first answer to the check is awaited.", "Wait.", "itself"
)
EVALUATING: Final = Reason(
    "Evaluating",
    "The candidate's answers are compared with the data set of the gate.",
    "",
    "itself",
)
PROMOTED: Final = Reason(
    "Promoted", "The revision of this spec has passed the gate and has the traffic.", "", "itself"
)
PAUSED: Final = Reason(
    "Paused",
    "The candidate has passed the gate and waits for a word before it gets traffic.",
    "Promote it with `kubectl bastaix promote NAME`, or change the spec.",
    "never",
    is_wanted=True,
)
ROLLED_BACK: Final = Reason(
    "RolledBack",
    "An earlier revision than that of the spec is active, as was asked for.",
    "Change the spec to go on, or ask for `kubectl bastaix retry NAME`.",
    "never",
    is_wanted=True,
)
