"""CheckSum, against values that another program computed."""

import pytest

from chalicelib.carriers.netease.signing import callback_headers, check_sum

# printf '%s' '<AppSecret><Nonce><CurTime>' | openssl sha1
VECTORS = [
    ("secret-1", "4tgggergigwow323t23t", "1443592222", "0c70db2fb01dcabf8c841ade4fb0995455c3c878"),
    ("密钥", "abc", "1", "3b2c2c078e39f962ac7b060974d5784db6d8fa27"),
]


@pytest.mark.parametrize(("secret", "nonce", "cur_time", "expected"), VECTORS)
def test_a_request(secret: str, nonce: str, cur_time: str, expected: str) -> None:
    assert check_sum(secret, nonce, cur_time) == expected


def test_a_callback() -> None:
    # MD5: printf '%s' '{"code":200}' | openssl md5; CheckSum: AppSecret + MD5 + CurTime in ms.
    headers = callback_headers("key", "secret-1", b'{"code":200}', now=1440570500855)
    assert headers["MD5"] == "ba3d6fbf12efd3f6db6ee10d93faa37e"
    assert headers["CheckSum"] == "3bf3b5731acb02fee81732bde609b3bc1b83c090"
