"""The bucket: recordings and exports, written as they come and given out by link."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import StoreUnavailable
from chalicelib.store.site import SiteStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART = 8 * 1024 * 1024
"""Bytes of a file that are in memory at a time; S3 takes 10,000 parts of at least 5 MiB."""

_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z._-]")


class Reader(Protocol):
    """A file that is read once. What it raises, `store` raises."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end, which it gives only if all before it is right."""
        ...


class FileStore:
    """Every method raises StoreUnavailable when S3 refuses or does not answer. Keys hold nothing
    personal, and only S3 sees them."""

    def __init__(self, client: "Callable[[], S3Client]", site: SiteStore) -> None:
        self._client = client
        self._site = site

    def store(self, key: str, reader: Reader, *, content_type: str) -> int:
        """Writes what the reader gives; its size in bytes.

        Until all of it was read, nothing stands at the key, or what stood there before: an error
        takes the parts away again. Parts that outlive a crash are for the bucket's lifecycle rule.
        """
        first = _part(reader)
        if len(first) < PART:
            self.put(key, first, content_type=content_type)
            return len(first)
        with _failures_as_unavailable():
            upload = self._client().create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=content_type
            )["UploadId"]
        try:
            return self._store_parts(key, upload, first, reader)
        except BaseException:
            # Whatever the error is: a part that is left behind is paid for.
            with suppress(ClientError, BotoCoreError):
                self._client().abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            raise

    def _store_parts(self, key: str, upload: str, part: bytes, reader: Reader) -> int:
        size = 0
        parts: list[CompletedPartTypeDef] = []
        while part:
            number = len(parts) + 1
            with _failures_as_unavailable():
                sent = self._client().upload_part(
                    Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=part
                )
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            size += len(part)
            # Freed first: two would be in memory otherwise.
            del part
            part = _part(reader)
        with _failures_as_unavailable():
            self._client().complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        return size

    def put(self, key: str, content: bytes, *, content_type: str) -> None:
        """Writes a file that is at hand."""
        with _failures_as_unavailable():
            self._client().put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=content_type
            )

    def get(self, key: str) -> bytes:
        """All of a file."""
        with _failures_as_unavailable():
            return self._client().get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def link(self, key: str, *, expires_s: int, filename: str, head: bool = False) -> str:
        """An address at which anybody gets the file for so many seconds, to be saved under this
        name, by GET, or with `head` by HEAD: the method is signed too. Made without asking S3
        whether there is such a file."""
        name = _NOT_IN_A_NAME.sub("_", filename)
        with _failures_as_unavailable():
            return self._client().generate_presigned_url(
                "head_object" if head else "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": f'attachment; filename="{name}"',
                },
                ExpiresIn=expires_s,
            )

    @property
    def _bucket(self) -> str:
        return self._site.get().bucket


@contextmanager
def _failures_as_unavailable() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise StoreUnavailable(f"bucket: {type(error).__name__}") from None


def _part(reader: Reader) -> bytes:
    """One part, shorter only at the end."""
    pieces, wanted = [], PART
    while wanted and (piece := reader.read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)
