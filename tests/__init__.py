"""Tests, by room; each is a sentence, against real servers.

Hundreds of them start programs of ours: those are compiled once, wherever Python is told to compile anew at each start.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
