"""Which Q.850 cause the status of a SIP answer stands for (RFC 3398, 8.2.6.1)."""

from collections.abc import Mapping, Sequence

from chalicelib.carriers.callback_members import BadValue

MAX_Q850 = 127
INTERWORKING = 127

_SIP: Mapping[int, Sequence[int]] = {
    1: (404, 485, 604),
    # A request that was cancelled: RFC 3398 has the caller's REL instead, whose cause is 16.
    16: (487,),
    17: (486, 600),
    18: (480,),
    # Since RFC 3398: unwanted (607, RFC 8197), rejected (608, RFC 8688).
    21: (401, 402, 403, 407, 603, 607, 608),
    22: (410,),
    25: (482, 483),
    28: (484,),
    38: (502,),
    41: (400, 481, 500, 503),
    63: (405,),
    79: (406, 415, 501),
    88: (488, 606),
    102: (408, 504),
    INTERWORKING: (413, 414, 416, 420, 421, 423, 505, 513),
}
OF_SIP: Mapping[int, int] = {status: cause for cause, each in _SIP.items() for status in each}


def of_sip(status: int) -> int:
    """The cause for a status that says that a call was not connected. Raises ValueError for any
    other."""
    if not 300 <= status < 700:
        raise BadValue("no SIP status of a call that failed")
    return OF_SIP.get(status, INTERWORKING)
