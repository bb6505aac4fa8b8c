"""Everything that is kept: the only package that imports boto3."""

from importlib import import_module
from threading import Thread

# CPython (3.11 to 3.13) keeps frames in chunks of 16 KB, and maps and unmaps one at every call that
# crosses the border of two. How deep in the chain of imports boto3 begins decides whether that
# happens some thousand times, up to 45 ms; a thread of its own begins with an empty chunk.
_loader = Thread(target=import_module, args=("boto3",))
_loader.start()
_loader.join()
