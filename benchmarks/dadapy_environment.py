"""The environment of its own that DADApy needs: it wants NumPy 1 and brings jax."""

import subprocess
import venv
from pathlib import Path

PEER = "dadapy==0.3.4"


def dadapy_python(cache: Path) -> Path:
    """Return the Python of an environment with DADApy, made if need be."""
    folder = cache / PEER
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
        complete.touch()
    return python
