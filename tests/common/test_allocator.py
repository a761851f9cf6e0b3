"""Freed memory is used again: counted in page faults, in a process of its own."""

import platform

import pytest

from tests.processes import finish, start

FAULTS = """
import ctypes, resource, sys
from embstore.common.allocator import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    before = faults()
    for _ in range(10):
        # Two at a time and 3 MB each, as hidden states are.
        first, second = bytearray(3_000_000), bytearray(3_000_000)
        del first, second
    return faults() - before

use()
plain = use()
assert keep_freed_memory()
use()
print(plain, use())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own switch")
def test_freed_memory_is_used_again() -> None:
    plain, kept = map(int, finish(start(FAULTS)).split())
    # 20 arrays of 732 pages each, some of which glibc keeps by itself.
    assert kept < 100 < plain
