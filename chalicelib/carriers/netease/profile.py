"""NetEase: a carrier, and an event format."""

from chalicelib.carriers.profile import AccountRules, Profile

MAINLAND, OVERSEAS = "https://api.netease.im", "https://api-sg.netease.im"

PROFILE = Profile(
    title="NetEase",
    account=AccountRules(
        data_centres={"mainland": (MAINLAND, OVERSEAS), "overseas": (OVERSEAS, MAINLAND)}
    ),
    callbacks={"callbacks": "/callbacks/netease/{account}"},
    signs_with="AppSecret",
)
