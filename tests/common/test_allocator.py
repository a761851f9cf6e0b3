"""Freed memory is used again: counted in page faults, in a process of its own."""

import platform
import re
import subprocess
import sys

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


RESIDENT = """
from embstore.common.allocator import keep_freed_memory, release_freed_memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

assert keep_freed_memory()
arrays = [bytearray(3_000_000) for _ in range(40)]
del arrays
before = resident()
assert release_freed_memory()
print(before, resident())
"""
POOLS = """
import ctypes, threading
from embstore.common.allocator import keep_freed_memory

assert keep_freed_memory()
held = []
for _ in range(4):
    thread = threading.Thread(target=lambda: held.append(bytearray(100_000)))
    thread.start()
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""
GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own switch")


@GLIBC
def test_freed_memory_is_used_again() -> None:
    plain, kept = map(int, finish(start(FAULTS)).split())
    # 20 arrays of 732 pages each, some of which glibc keeps by itself.
    assert kept < 100 < plain


@GLIBC
def test_what_is_kept_can_be_given_back() -> None:
    kept, after = map(int, finish(start(RESIDENT)).split())
    # 120 MB, in kB.
    assert kept - after > 100_000


@GLIBC
def test_threads_share_what_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", POOLS], capture_output=True, check=True, text=True)
    assert re.findall(r"^Arena (\d+):", done.stderr, re.MULTILINE) == ["0"]
