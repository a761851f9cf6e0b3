"""A child gives what its function returns or raises, or says how it died."""

import pytest

from tests.processes import finish, start

IN_CHILD = """
import os
from tests.stress.children import in_child

try:
    print("returned", in_child(lambda: {work}))
except RuntimeError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("[1, 2]", "returned [1, 2]"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("os.kill(os.getpid(), 9)", "a child was ended by SIGKILL"),
        ("os._exit(3)", "a child ended with status 3"),
    ],
)
def test_how_a_child_ends_is_told(work: str, said: str) -> None:
    assert finish(start(IN_CHILD.replace("{work}", work))) == f"{said}\n"
