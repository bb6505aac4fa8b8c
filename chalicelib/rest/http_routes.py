"""Our own API's paths as API Gateway knows them: few, whatever there is below. Which operations
there are, the facade knows (rest.operations), and nobody else needs to load."""

from chalicelib.carriers.facade import Route, RouteTable

DEPTH = 5
"""Segments of the longest path."""

_SEGMENTS = [f"/{{part_{depth}}}" for depth in range(1, DEPTH)]
_BELOW = tuple(
    Route(f"/v1{''.join(_SEGMENTS[:depth])}", "rest", {}) for depth in range(len(_SEGMENTS) + 1)
)

TABLES = (RouteTable("rest", (*_BELOW, Route("/docs", "rest", {})), unknown="rest"),)
