"""How many examples a property is shown: an eighth of the full number, so that a run of everything stays short.

All of them with EXAMPLES=full.
"""

import os
from typing import Any

from hypothesis import settings

_FEW = 10


def examples(count: int, **options: Any) -> settings:
    """Put it on a property in place of `settings`, where the full number is not a hundred.

    Args:
        count: the full number.
        options: further settings.
    """
    if os.environ.get("EXAMPLES") == "full":
        return settings(max_examples=count, **options)
    return settings(max_examples=max(count // 8, min(count, _FEW)), **options)
