"""Every reason that a condition can carry, each with its meaning and what to do about it.

Nothing else spells a reason. `heals` decides what becomes of it:

- `itself`: work goes on (`Reconciling`);
- `outside`: somebody else must act, and when they have, work goes on by itself (`Reconciling`);
- `never`: nothing changes until the ModelDeployment does (`Stalled`).
"""

from typing import Final

from bastaix.api.reasons import app, cluster, course, rollout, source
from bastaix.api.reasons.app import *  # noqa: F403
from bastaix.api.reasons.cluster import *  # noqa: F403
from bastaix.api.reasons.course import *  # noqa: F403
from bastaix.api.reasons.reason import Finding as Finding
from bastaix.api.reasons.reason import Heals as Heals
from bastaix.api.reasons.reason import Reason as Reason
from bastaix.api.reasons.reason import evidence as evidence
from bastaix.api.reasons.reason import explained as explained
from bastaix.api.reasons.rollout import *  # noqa: F403
from bastaix.api.reasons.source import *  # noqa: F403

GROUPS: Final = {
    "What goes on": course,
    "The cluster and its Pods": cluster,
    "The app in Ray": app,
    "Rollouts and answers": rollout,
    "The source": source,
}
"""In the order in which a ModelDeployment meets them."""
BY_GROUP: Final[dict[str, tuple[Reason, ...]]] = {
    title: tuple(each for each in vars(module).values() if isinstance(each, Reason))
    for title, module in GROUPS.items()
}
ALL: Final = tuple(reason for group in BY_GROUP.values() for reason in group)
BY_NAME: Final = {reason.name: reason for reason in ALL}
