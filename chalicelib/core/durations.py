"""Times that all rooms share, in milliseconds."""

MINUTE_MS = 60_000


DAY_MS = 86_400_000


YEAR_2001_MS = 10**12
"""No call was before; a clock that was never set says so."""


CLOCKS_APART_MS = 2 * MINUTE_MS
"""How far the clocks of processes, operators, carriers and switches may be apart."""


NEVER = 253_370_764_800_000
"""9999-01-01 (epoch ms): the expiry of a binding that has none."""
