"""What can be asked for in our own API."""

from chalicelib.carriers.facade import Route, RouteTable

HISTORY = (
    Route("/v1/records", "history.records", {"GET": "records"}),
    Route("/v1/records/search", "history.search", {"POST": "search"}),
    Route("/v1/records/{record_id}", "history.record", {"GET": "record"}),
    Route("/v1/events", "history.events", {"GET": "events"}),
    Route("/v1/events/redeliver", "history.redeliver_all", {"POST": "redeliver_all"}),
    Route("/v1/events/{event_id}/redeliver", "history.redeliver", {"POST": "redeliver"}),
)
RECORDINGS = (
    Route("/v1/recordings/{event_id}", "history.recording", {"GET": "open", "HEAD": "open"}),
)
EXPORTS = (
    Route("/v1/exports", "history.exports", {"GET": "latest", "POST": "start"}),
    Route("/v1/exports/{export_id}", "history.export", {"GET": "export"}),
)

TABLES = (
    RouteTable("history", HISTORY, unknown="history"),
    RouteTable("rest_recordings", RECORDINGS, unknown="history"),
    RouteTable("exports", EXPORTS, unknown="history"),
)
