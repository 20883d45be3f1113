"""kubectl against the laptop's cluster, as its user would call it."""

from cluster import node


class KubectlError(RuntimeError):
    """kubectl refused; the message is what it said."""


def kubectl(*words: str, stdin: str | None = None) -> str:
    done = node.kubectl(*words, text=stdin)
    if done.returncode:
        raise KubectlError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
