"""JSON as YAML that the API server reads: whatever characters somebody has put into it.

To Go's YAML (of Kubernetes 1.35) two escapes that together are one character, as JSON has them
beyond the first plane, are an error, and so is what YAML calls unprintable unless it is escaped.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# what stands for itself within quotes, without the line breaks that only YAML knows
_ESCAPED: Final = re.compile(
    r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def as_yaml(manifest: Mapping[str, Any]) -> str:
    """An object for a request of YAML; it is JSON too."""
    text = json.dumps(manifest, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
