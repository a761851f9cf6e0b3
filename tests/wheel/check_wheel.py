"""Builds the wheel and uses it, installed in an empty environment.

Not a pytest module: it makes an environment of its own, which takes a minute.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Runs in the new environment, far from the checkout.
USE = """
import importlib.metadata, sys
from pathlib import Path

import embstore
from embstore.asking.ask import find_questions
from embstore.common.paths import resource_folder
from embstore.store.connection import open_database

installed = Path(embstore.__file__).parent
assert "site-packages" in str(installed), installed
for name in ("migrations", "queries"):
    assert resource_folder(name).is_relative_to(installed), name
database = open_database("fresh.duckdb")
found = database.select("SELECT count(*) AS n FROM profile")["n"][0].as_py()
assert found == 0, found
assert "layer_profile" in find_questions()
# What travels in the package besides code.
from embstore.report.write import build_report
from embstore.ingestion.studies.files import shipped_studies
assert "</html>" in build_report(database).html
assert "tiny" in shipped_studies()
assert importlib.metadata.version("embstore") == embstore.__version__
assert "torch" not in sys.modules
print("1 passed, 0 failed")
"""


def run(*command: str | Path, cwd: str | Path = ROOT) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(str(c) for c in command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", scratch / "dist", ROOT)
        (wheel,) = (scratch / "dist").glob("*.whl")
        (sdist,) = (scratch / "dist").glob("*.tar.gz")
        names = zipfile.ZipFile(wheel).namelist()
        for wanted in (
            *("embstore/py.typed", "embstore/_queries/layer_profile.sql"),
            "embstore/_migrations/head.sql",
        ):
            if wanted not in names:
                sys.exit(f"{wheel.name} lacks {wanted}")
        if any(name.startswith(("tests/", "benchmarks/", "queries/")) for name in names):
            sys.exit(f"{wheel.name} carries folders that are not the package's")
        environment = scratch / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        constraints = ROOT / "constraints.txt"
        pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        run(*pip, "--constraint", constraints, wheel, cwd=scratch)
        print(run(python, "-c", USE, cwd=scratch).strip())
        print(run(environment / "bin" / "embstore", "--version", cwd=scratch).strip())
        listed = run(environment / "bin" / "embstore", "ls", "queries", "-f", "csv", cwd=scratch)
        if "layer_profile" not in listed:
            sys.exit("the installed command does not list its queries")
        print(f"{wheel.name} and {sdist.name} hold")


if __name__ == "__main__":
    main()
