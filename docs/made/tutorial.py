"""docs/tutorial.ipynb, run from top to bottom: ``make tutorial`` renews what it shows."""

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pages import ROOT

# Imported so because their types are incomplete; the test extra has both.
nbformat, nbclient = map(importlib.import_module, ("nbformat", "nbclient"))

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def executed(folder: Path) -> Any:
    """Run the notebook in a kernel of its own, and return it with what each cell put out.

    Args:
        folder: where the notebook writes.
    """
    # The kernel is this Python and not one that is installed for the user.
    kernel = folder / "share" / "kernels" / "here"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "here", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    environment = {
        "JUPYTER_PATH": str(folder / "share"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        # tqdm misses ipywidgets, which the notebook does without.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }
    with patch.dict(os.environ, environment):
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="here",
            timeout=240,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=dict(os.environ))
    return notebook


def main() -> None:
    """Write the notebook with what its cells put out, and nothing of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(Path(folder))
    for cell in notebook.cells:
        cell.metadata = {}
    notebook.metadata = nbformat.read(NOTEBOOK, as_version=4).metadata
    NOTEBOOK.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
