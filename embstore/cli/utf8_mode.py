"""Names of files and the words of a command are UTF-8, whatever the locale says."""

import os
import sys


def use_utf8() -> None:
    """Start the command again in Python's UTF-8 mode, unless Python reads UTF-8 as it is.

    In a locale of another encoding Python reads letters beyond ASCII as what cannot be written
    again: into a store, a table or a message.
    """
    if os.name == "posix" and sys.getfilesystemencoding() != "utf-8" and sys.executable:
        words = [sys.orig_argv[0], "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, words)  # noqa: S606 - the same command
