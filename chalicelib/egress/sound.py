"""Tells a recording from the error page or other file that a server may send in its place."""

import re

_MEDIA = re.compile(r"(?:audio|video)/[a-z0-9.+-]{1,40}")

_TEXT = re.compile(
    r"(?:text|multipart|message)/.*"
    r"|.*[/+](?:json|xml|html|yaml|javascript|ecmascript)"
    r"|application/(?:x-javascript|x-www-form-urlencoded|x-yaml)"
)
"""Media types of error pages and other texts."""

_SOUND = re.compile(
    rb"RIFF|RF64|OggS|wvpk|ADIF|FORM....AIF|....ftyp"  # WAV, Ogg, WavPack, AAC, AIFF, MP4 and 3GP
    rb"|fLaC\x00|caff\x00|\.snd\x00|FLV\x01|ID3[\x02-\x04]"  # FLAC, CAF, AU, Flash, MP3 with a tag
    rb"|#!AMR[\n-]|\x02?#!SILK|Creative Voice File\x1a"
    rb"|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|\x00\x00\x01\xba"  # Matroska, ASF (WMA), MPEG-PS
    # A frame of MPEG audio or ADTS. \xff\xfe is left out: UTF-16 begins with it.
    rb"|\xff[\xe2-\xe7\xf0-\xfd][\x00-\xef]",
    re.DOTALL,
)
"""How formats of sound and film begin."""

_OTHER = re.compile(
    rb"\x1f\x8b|\x28\xb5\x2f\xfd|PK\x03\x04|\x89PNG|\xff\xd8\xff|GIF8|%PDF", re.DOTALL
)
"""How other binary files begin: gzip, zstd, zip, PNG, JPEG, GIF, PDF."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ENOUGH = 16
"""Raw samples have this many control bytes among their first, and no text has."""

FIRST_BYTES = 4096
"""How much of a file `no_sound` looks at."""


def is_sound(media_type: str) -> bool:
    """Whether a media type (lower case) is one of sound or film."""
    return _MEDIA.fullmatch(media_type) is not None


def no_sound(media_type: str, encoding: str, first: bytes) -> str:
    """Why an answer is no recording; empty if it is one. Servers give error pages all kinds of
    media types, also of sound. So a recording begins as a format of sound does; without such a
    beginning (raw samples) its media type is one of sound, and it looks like nothing else."""
    if not first:
        return "empty"
    if _TEXT.fullmatch(media_type):
        return "a text, not a recording"
    if encoding not in {"", "identity"}:
        return "compressed, not a recording"
    if _SOUND.match(first):
        return ""
    if _is_text(first):
        return "a text, not a recording"
    if not is_sound(media_type) or _OTHER.match(first):
        return "not a format of sound"
    return ""


def _is_text(first: bytes) -> bool:
    """Whether it is text in UTF-8, GBK and the like, or in UTF-16."""
    if len(_CONTROL.findall(first)) < _ENOUGH:
        return True
    return any(_is_utf_16(first, encoding) for encoding in ("utf-16-le", "utf-16-be"))


def _is_utf_16(first: bytes, encoding: str) -> bool:
    text = first.decode(encoding, "ignore")
    # Quiet samples of mu-law would read as Chinese without a byte order mark and without ASCII.
    marked = text.startswith("\ufeff") or any(map(str.isascii, text))
    return marked and "".join(text.removeprefix("\ufeff").split()).isprintable()
