"""Peak memory of this process. The standard library only: DADApy's environment uses it too."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


class Peak:
    """Memory taken above what the process holds when this is made, or held at ``start``."""

    def __init__(self, start: "Peak | None" = None) -> None:
        # Linux can forget an earlier peak, such as that of the imports.
        self._forgotten = _forget()
        held = _status("VmRSS") if self._forgotten else _largest()
        self._before: int = start._before if start else held

    def megabytes(self) -> float:
        """Return the peak since this was made, in MB of 10^6 bytes."""
        now = _status("VmHWM") if self._forgotten else _largest()
        return max(now - self._before, 0) / 1e6


def _forget() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no {field}")


def _largest() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024
