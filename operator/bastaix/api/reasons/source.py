"""What is wrong with the code before anything runs, as the source controller finds it."""

from typing import Final

from bastaix.api.reasons.reason import Reason

VERIFIED: Final = Reason(
    "Verified",
    "The code is there, is what was pinned, and is kept beside the object.",
    "",
    "itself",
)
IN_IMAGE: Final = Reason(
    "InImage", "The code is in the runtime image; nothing is fetched.", "", "itself"
)
SOURCE_NOT_FOUND: Final = Reason(
    "SourceNotFound",
    "The host has no such repository or commit, or does not say so to a stranger.",
    "Check repository and commit (is it pushed?); a private repository needs secretRef.",
    "outside",
)
SOURCE_UNAUTHORIZED: Final = Reason(
    "SourceUnauthorized",
    "The host does not accept the credential, or asks for one.",
    "Check the Secret's token: not expired, and allowed to read this repository's contents.",
    "outside",
)
SOURCE_FORBIDDEN: Final = Reason(
    "SourceForbidden",
    "The host, or the rules of this cluster, do not allow it.",
    "Act as the message says; if it is this cluster's rule, ask who installed the chart.",
    "outside",
)
SOURCE_NOT_ARCHIVE: Final = Reason(
    "SourceNotArchive",
    "Something came that is no zip archive: often a sign-in page.",
    "Open the repository's address in a browser; a private repository needs secretRef.",
    "outside",
)
DIGEST_MISMATCH: Final = Reason(
    "DigestMismatch",
    "What came is not what was pinned.",
    "Pin the commit or sha256 that the host has now, if you trust what changed it.",
    "outside",
)
ARCHIVE_DAMAGED: Final = Reason(
    "ArchiveDamaged",
    "The archive has the pinned sha256, and is no zip or a damaged one.",
    "Make the zip anew and pin its sha256.",
    "never",
)
SOURCE_INTERRUPTED: Final = Reason(
    "SourceInterrupted",
    "The work was cut short: the node had too little memory, processor or disk just then.",
    "If it lasts, give the source controller more of them (source.resources and"
    " source.unpack.resources of the chart).",
    "outside",
)
SOURCE_TOO_LARGE: Final = Reason(
    "SourceTooLarge",
    "The selected code, or the archive it comes in, is over the limit.",
    "Select a folder with `path`, leave files out with `exclude`, or put them into the image.",
    "never",
)
SOURCE_UNSAFE: Final = Reason(
    "SourceUnsafe",
    "The archive holds something that no code needs and attackers use.",
    "Remove what the message names; `exclude` helps where it is one of the selected files.",
    "never",
)
SOURCE_INCOMPLETE: Final = Reason(
    "SourceIncomplete",
    "Files among the selected are stand-ins: Git LFS pointers or empty submodules.",
    "Commit their contents, or leave them out with `exclude` if the app needs none of them.",
    "never",
)
SOURCE_RATE_LIMITED: Final = Reason(
    "SourceRateLimited",
    "The host wants fewer requests; the next try is at the time that it named.",
    "Wait; with a token in secretRef most hosts allow more.",
    "itself",
)
SOURCE_UNREACHABLE: Final = Reason(
    "SourceUnreachable",
    "The host does not answer, or breaks off.",
    "Check the address, and that the source controller may reach it.",
    "outside",
)
PATH_NOT_FOUND: Final = Reason(
    "PathNotFound",
    "The commit has no such folder, or nothing is left in it.",
    "Correct `path` or `exclude`; the message names what is there.",
    "never",
)
IMPORT_PATH_NOT_FOUND: Final = Reason(
    "ImportPathNotFound",
    "The code has no such module at its root, or the module has no such name.",
    "Correct app.importPath, or `path` so that the module stands at its root, or the line that is"
    " named.",
    "never",
)
DEPENDENCY_CONFLICT: Final = Reason(
    "DependencyConflict",
    "The code asks for other versions than the runtime image holds.",
    "Change the requirement, or runtime.image to one that holds what is asked for.",
    "never",
)
DATASET_NOT_FOUND: Final = Reason(
    "DatasetNotFound",
    "The file of rollout.gate.dataset is not in the code.",
    "Correct `dataset.path`, which is from the root of the app, or `exclude`.",
    "never",
)
DATASET_INVALID: Final = Reason(
    "DatasetInvalid",
    "A line of the gate's data set cannot be used.",
    "Correct the line that the message names; `bastaix eval --help` shows a right one.",
    "never",
)
SECRET_NOT_FOUND: Final = Reason(
    "SecretNotFound",
    "The namespace has no Secret of the name in secretRef.",
    "Create it; the next try follows at once.",
    "outside",
)
SECRET_KEY_MISSING: Final = Reason(
    "SecretKeyMissing",
    "The Secret lacks a key that is needed.",
    "Add the key that the message names; the next try follows at once.",
    "outside",
)
SECRET_HOST_NOT_ALLOWED: Final = Reason(
    "SecretHostNotAllowed",
    "The Secret's key `hosts` does not list the host that it would be sent to.",
    "Add the host to the Secret's key `hosts`, if its credential is meant for it.",
    "outside",
)
SOURCE_INVALID: Final = Reason(
    "SourceInvalid",
    "The source cannot be addressed as it is written.",
    "Correct the field that the message names.",
    "never",
)
INTERNAL_ERROR: Final = Reason(
    "InternalError",
    "The source controller failed at it by an error of its own.",
    "Report it as a bug, with the source controller's log; it tries again by itself.",
    "outside",
)
