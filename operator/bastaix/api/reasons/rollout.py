"""What is wrong with a candidate, or with its answers."""

from typing import Final

from bastaix.api.reasons.reason import Reason

EVALUATION_FAILED: Final = Reason(
    "EvaluationFailed",
    "The candidate's answers are worse than the gate allows.",
    "Read the log of the evaluation Job for the cases that failed; then correct app or data set.",
    "never",
)
EVALUATION_INCONCLUSIVE: Final = Reason(
    "EvaluationInconclusive",
    "The evaluation says nothing about the candidate, such as when all requests fail alike.",
    "Correct the data set (does it ask for the model's id?), then change the spec or retry.",
    "never",
)
EVALUATION_ERROR: Final = Reason(
    "EvaluationError",
    "The evaluation could not be made; it is tried again.",
    "Read the log and the Events of the evaluation Job.",
    "outside",
)
DEADLINE_EXCEEDED: Final = Reason(
    "DeadlineExceeded",
    "The candidate did not pass the gate within rollout.progressDeadlineSeconds.",
    "Remove what the message names; it is tried again by itself, at once after a change.",
    "outside",
)
INSUFFICIENT_CAPACITY: Final = Reason(
    "InsufficientCapacity",
    "There is no room for the candidate beside the active revision.",
    "Add nodes, ask for less, or choose rollout.strategy Auto or Recreate.",
    "outside",
)
NO_ENDPOINT: Final = Reason(
    "NoEndpoint",
    "After the promotion no Pod of the new revision was ready.",
    "Read `kubectl describe` and the logs of its Pods; then change the spec or retry.",
    "outside",
)
PROBE_UNREACHABLE: Final = Reason(
    "ProbeUnreachable",
    "The operator cannot connect to the app through its Service.",
    "Allow the operator to reach the namespace's Services.",
    "itself",
    causes="A NetworkPolicy that keeps the operator out; DNS that fails.",
)
ANSWER_LATE: Final = Reason(
    "AnswerLate",
    "The app takes the check's request and does not answer it within 15 s.",
    (
        "Look at the queue of the model: raise scaling.maxReplicas or lower "
        "scaling.targetOngoingRequests; give a slow model a smaller app.check."
    ),
    "itself",
    causes="More requests than the replicas can take; a model that is slow; a starved node.",
)
WRONG_ANSWER: Final = Reason(
    "WrongAnswer",
    "The app answered the check, but not with what app.check expects.",
    "Ask the same yourself, then correct the app or app.check.",
    "outside",
)
UNPINNED: Final = Reason(
    "Unpinned",
    "The code is pinned, and weights or image are not, so a restart may serve something else.",
    "Pin weights as hf://ORGANISATION/NAME@COMMIT and the image by its digest (@sha256:…);"
    " status.active.images says which one runs.",
    "outside",
    causes="An hf:// source without a commit, or an image whose tag is moved, such as latest.",
)
