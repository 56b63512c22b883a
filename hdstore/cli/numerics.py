"""numpy for commands that search: loaded without the threads of its linear algebra, which searches do not use."""

from __future__ import annotations

import os
import sys

__all__ = ["load_numpy"]

_THREADS = "OPENBLAS_NUM_THREADS"


def load_numpy() -> None:
    """Loads numpy; starting the threads that it is told not to start takes a quarter of the time."""
    if "numpy" in sys.modules or _THREADS in os.environ:
        return
    os.environ[_THREADS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        # An editor or git that is started later shall not see it.
        del os.environ[_THREADS]
