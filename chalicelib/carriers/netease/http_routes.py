"""The HTTP routes of NetEase's APIs, and of its callbacks."""

from chalicelib.carriers.facade import Route, RouteTable

AXB = (
    Route("/smallphone/axb/bind", "axb.bind", {"POST": "bind"}, "bind"),
    Route("/smallphone/axb/unbind", "axb.unbind", {"POST": "unbind"}, "unbind"),
    Route("/smallphone/axb/delay", "axb.delay", {"POST": "delay"}, "delay"),
    Route("/smallphone/axb/query", "axb.query", {"POST": "query"}, "query"),
)
ECP = (
    Route("/call/ecp/startcall.action", "ecp.startcall", {"POST": "startcall"}, "startcall"),
    Route("/call/ecp/startconf.action", "ecp.startconf", {"POST": "startconf"}, "startconf"),
    Route("/call/ecp/queryBySession.action", "ecp.query", {"POST": "query"}, "queryBySession"),
)
PHONE_LOGIN = (
    Route("/phoneauth/login/getMobile", "login.number", {"POST": "number"}, "getMobile"),
)
# Neither we nor the carrier know a repeat of a relayed call again: a signature does it once. Users
# have a path of their own because API Gateway does not go back from the `user` of `create`.
RELAY = ("im.relay", {"POST": "relay"}, "im", ("POST",))
IM = (
    Route("/nimserver/user/create.action", "im.create", {"POST": "create"}, "user.create"),
    Route("/nimserver/user/{action}", *RELAY),
    Route("/nimserver/{resource}/{action}", *RELAY),
)
CALLBACKS = (Route("/callbacks/netease/{account}", "netease.callback", {"POST": "receive"}),)

TABLES = (
    RouteTable("axb", AXB, unknown="axb"),
    RouteTable("ecp", ECP, unknown="axb"),
    RouteTable("phone_login", PHONE_LOGIN, unknown="axb"),
    RouteTable("im", IM, unknown="axb"),
    RouteTable("netease.callbacks_in", CALLBACKS, unknown="axb"),
)
