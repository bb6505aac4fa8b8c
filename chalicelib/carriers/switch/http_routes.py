"""The HTTP routes of the switch's protocol."""

from chalicelib.carriers.facade import Route, RouteTable

TABLES = (
    RouteTable(
        "switch",
        (
            Route("/switch/route", "switch.route", {"POST": "route"}, "route"),
            Route("/switch/events", "switch.events", {"POST": "events"}, "events"),
        ),
        unknown="switch",
    ),
)
