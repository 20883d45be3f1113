"""What the source controller needs of the world, as protocols. `kube` fulfils them, as do tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bastaix.api.v1alpha1 import Spec
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.kinds import Kind
from bastaix.source.artifact import Artifact

Metadata = Mapping[str, Any]
Credential = Mapping[str, bytes]
"""What a credential Secret holds."""


class Cluster(Protocol):
    """ModelDeployments, as the watch brings them."""

    async def read(self, kind: Kind, name: Name) -> Body | None: ...

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> object:
        """Write our part of a status; that the object is gone is no error."""


class Secrets(Protocol):
    """Credentials, which are only read, and artifacts."""

    async def metadata(self, name: Name) -> Metadata | None:
        """None: there is no such Secret."""

    async def data(self, name: Name) -> Credential | None:
        """None: there is no such Secret."""

    async def secret(self, name: Name) -> Body | None:
        """The whole Secret, its data as base64; None: there is no such Secret."""

    async def artifacts(self, owner: Name) -> Sequence[Metadata]:
        """What carries a ModelDeployment's name and the label of an artifact: 100 at most."""

    async def in_use(self, owner: Name) -> frozenset[str]:
        """The labels of the artifacts that revisions of a ModelDeployment name."""

    async def revisions(self, owner: Name) -> Sequence[Body]:
        """The ControllerRevisions that carry a ModelDeployment's name and name an artifact."""

    async def create(self, manifest: Mapping[str, Any]) -> str | None:
        """The uid of the new Secret; None: there is one of this name already."""

    async def delete(self, metadata: Metadata) -> None:
        """Delete this very Secret; that it is gone already, or replaced, is no error."""


class Code(Protocol):
    """Fetching and checking: `source.pipeline` and `source.sandbox`."""

    async def verified(
        self,
        spec: Spec,
        credential: Credential | None,
        folder: Path,
        name: Name,
        *,
        is_known: bool = False,
    ) -> Artifact:
        """Fetch and check, for this ModelDeployment; SourceFailure says why that cannot be.

        `is_known`: it was checked before, and who asks compares its digest.
        """

    async def recheck(self, data: bytes, spec: Spec, name: Name) -> Artifact:
        """Check an artifact that is held; SourceFailure says what is wrong with it."""


class Tally(Protocol):
    """What the controller reports to the metrics."""

    def verification(self, reason: str) -> None: ...
    def first_verdict(self, seconds: float) -> None: ...
