"""Which Q.850 cause the status of a SIP answer stands for (RFC 3398, 8.2.6.1)."""

from collections.abc import Mapping

from chalicelib.carriers.callback_values import BadValue

MAX_Q850 = 127
INTERWORKING = 127

OF_SIP: Mapping[int, int] = {
    400: 41,
    401: 21,
    402: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    413: 127,
    414: 127,
    415: 79,
    416: 127,
    420: 127,
    421: 127,
    423: 127,
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    # A request that was cancelled: RFC 3398 has the caller's REL instead, whose cause is 16.
    487: 16,
    488: 88,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    505: 127,
    513: 127,
    600: 17,
    603: 21,
    604: 1,
    606: 88,
    # Since RFC 3398: unwanted (RFC 8197), rejected (RFC 8688).
    607: 21,
    608: 21,
}


def of_sip(status: int) -> int:
    """The cause for a status that says that a call was not connected. Raises ValueError for any
    other."""
    if not 300 <= status < 700:
        raise BadValue("no SIP status of a call that failed")
    return OF_SIP.get(status, INTERWORKING)
