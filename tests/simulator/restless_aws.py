"""The AWS stand-in in a Python that changes threads as often as it can, so that races show."""

import sys

from simulator.aws import main

sys.setswitchinterval(1e-4)
main()
