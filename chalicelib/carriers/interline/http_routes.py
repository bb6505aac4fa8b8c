"""The HTTP routes of interline's API, and of its callbacks."""

from chalicelib.carriers.facade import Route, RouteTable

ACCOUNT = "account"
"""What a request about the account itself is about."""

API = (
    Route("/api/v1/account/status", "interline.account", {"GET": "account"}, ACCOUNT),
    Route("/igw/service/uc/interline", "interline.bindings", {"DELETE": "unbind"}, "axb"),
    Route(
        "/igw/service/uc/interline/{number}", "interline.binding", {"PUT": "bind"}, "axb {number}"
    ),
    # Ended by its X: a repeat of the end would end the next transfer of this X, too.
    Route(
        "/igw/service/uc/interline/{number}/transfer",
        "interline.transfer",
        {"PUT": "begin_transfer", "DELETE": "end_transfer"},
        "transfer {number}",
        single_use=("DELETE",),
    ),
)
CALLBACKS = (
    Route("/callbacks/interline/{account}/{token}/cdr", "interline.callback", {"POST": "cdr"}),
    Route("/callbacks/interline/{account}/{token}/start", "interline.callback", {"POST": "start"}),
)

TABLES = (
    RouteTable("interline", API, unknown="interline"),
    RouteTable("interline.callbacks_in", CALLBACKS, unknown="axb"),
)
