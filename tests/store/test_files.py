"""Files in the bucket: whole or not at all."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import RecordingFailed, StoreUnavailable
from chalicelib.store import clients
from chalicelib.store.files import PART, FileStore
from chalicelib.store.site import Site, SiteStore, site_item
from chalicelib.store.table import Table
from tests.stage import Stage

BUCKET = "masking-gateway-unit-files"
KEY = "recordings/30/demo/0001"
DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")


@cache
def _client() -> Any:
    # Made once, as in tests/stage.py.
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=clients._S3_CONFIG.merge(Config(retries={"total_max_attempts": 1})),
    )


class Bucket:
    """What stands in it, seen past our own code."""

    def __init__(self) -> None:
        self.client = _client()
        where = {"LocationConstraint": "eu-west-1"}
        self.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)

    def content(self, key: str = KEY) -> bytes | None:
        try:
            body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return body

    def unfinished(self) -> list[Any]:
        uploads: list[Any] = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return uploads

    @contextmanager
    def calls(self, *failing: str) -> Iterator[list[str]]:
        """The operations that are called; these fail."""
        seen: list[str] = []

        def call(model: Any, **_: Any) -> None:
            seen.append(model.name)
            if model.name in failing:
                raise DOWN

        self.client.meta.events.register_first("before-call.s3", call)
        try:
            yield seen
        finally:
            self.client.meta.events.unregister("before-call.s3", call)


@pytest.fixture
def bucket(stage: Stage) -> Bucket:
    stage.dynamodb.put_item(
        TableName=stage.table, Item=site_item(Site(url="https://gateway.example", bucket=BUCKET))
    )
    return Bucket()


@pytest.fixture
def files(stage: Stage, bucket: Bucket) -> FileStore:
    table = Table(lambda: stage.dynamodb, stage.table, SYSTEM)
    return FileStore(lambda: bucket.client, SiteStore(table, 60))


class Tape:
    """Gives `content` in pieces of at most `most`, then fails if it is told to."""

    def __init__(self, content: bytes, *, most: int = PART, fails: Exception | None = None) -> None:
        self._file = io.BytesIO(content)
        self._most = most
        self._fails = fails
        self.given = 0

    def read(self, size: int, /) -> bytes:
        part = self._file.read(min(size, self._most))
        self.given += len(part)
        if not part and self._fails:
            raise self._fails
        return part


def content(size: int) -> bytes:
    return (b"%08d" % size) * (size // 8) + b"x" * (size % 8)


@pytest.mark.parametrize("most", [PART, 1024 * 1024 - 1])
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 5])
def test_what_is_read_is_what_is_stored(
    files: FileStore, bucket: Bucket, size: int, most: int
) -> None:
    expected = content(size)
    assert files.store(KEY, Tape(expected, most=most), content_type="audio/mpeg") == size
    assert bucket.content() == expected
    assert bucket.client.head_object(Bucket=BUCKET, Key=KEY)["ContentType"] == "audio/mpeg"
    assert bucket.unfinished() == []


@pytest.mark.parametrize("before", [None, b"what stood there before"])
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, 2 * PART + 5])
def test_what_fails_on_the_way_leaves_nothing(
    files: FileStore, bucket: Bucket, size: int, before: bytes | None
) -> None:
    if before is not None:
        files.put(KEY, before, content_type="audio/mpeg")
    failure = RecordingFailed("broken off")
    with pytest.raises(RecordingFailed) as failed:
        files.store(KEY, Tape(content(size), fails=failure), content_type="audio/mpeg")
    assert failed.value is failure
    assert bucket.content() == before
    assert bucket.unfinished() == []


def test_what_fails_when_nothing_can_be_taken_away_is_told_as_what_it_was(
    files: FileStore, bucket: Bucket
) -> None:
    failure = RecordingFailed("broken off")
    with bucket.calls("AbortMultipartUpload") as seen, pytest.raises(RecordingFailed):
        files.store(KEY, Tape(content(PART), fails=failure), content_type="a/b")
    assert "AbortMultipartUpload" in seen
    assert bucket.content() is None


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("CreateMultipartUpload", PART),
        ("UploadPart", PART),
        ("CompleteMultipartUpload", 3 * PART),
    ],
)
def test_a_bucket_that_fails_is_unavailable(
    files: FileStore, bucket: Bucket, operation: str, read: int
) -> None:
    tape = Tape(content(3 * PART))
    with bucket.calls(operation), pytest.raises(StoreUnavailable) as failed:
        files.store(KEY, tape, content_type="a/b")
    # The rest is not fetched in vain.
    assert tape.given == read
    assert KEY not in str(failed.value)
    assert BUCKET not in str(failed.value)
    assert bucket.content() is None
    assert bucket.unfinished() == []


def test_a_small_file_that_fails_is_unavailable_too(files: FileStore, bucket: Bucket) -> None:
    with bucket.calls("PutObject"):
        for call in (
            lambda: files.store(KEY, Tape(b"x"), content_type="a/b"),
            lambda: files.put(KEY, b"x", content_type="a/b"),
        ):
            with pytest.raises(StoreUnavailable):
                call()


def test_a_bucket_that_is_not_there_is_unavailable(files: FileStore, bucket: Bucket) -> None:
    bucket.client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(StoreUnavailable):
        files.put(KEY, b"x", content_type="a/b")


def test_nothing_is_stored_before_the_bucket_is_known(stage: Stage) -> None:
    site = SiteStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), 60)
    with pytest.raises(StoreUnavailable):
        FileStore(lambda: boto3.client("s3"), site).put(KEY, b"x", content_type="a/b")


def test_a_small_file_is_one_call(files: FileStore, bucket: Bucket) -> None:
    with bucket.calls() as seen:
        files.store(KEY, Tape(b"x"), content_type="a/b")
        files.put(KEY, b"y", content_type="a/b")
    assert seen == ["PutObject"] * 2
    assert bucket.content() == b"y"


def test_a_file_is_read_back_whole(files: FileStore, bucket: Bucket) -> None:
    files.put(KEY, b"x" * 5000, content_type="a/b")
    with bucket.calls() as seen:
        assert files.get(KEY) == b"x" * 5000
    assert seen == ["GetObject"]
    with pytest.raises(StoreUnavailable):
        files.get("exports/nothing")


def test_a_link_is_for_one_method(files: FileStore) -> None:
    links = [files.link(KEY, expires_s=90, filename="x", head=head) for head in (True, False)]
    signatures = {parse_qs(urlsplit(link).query)["X-Amz-Signature"][0] for link in links}
    assert len(signatures) == 2


def test_a_link_is_short_lived_and_names_the_file(files: FileStore, bucket: Bucket) -> None:
    with bucket.calls() as seen:
        link = urlsplit(files.link(KEY, expires_s=90, filename='a"b\r\n/../录音 1.mp3'))
    assert seen == []
    query = parse_qs(link.query)
    # To the bucket's own region: a redirect to it would not have this signature.
    assert link.netloc == f"{BUCKET}.s3.eu-west-1.amazonaws.com"
    assert link.path == f"/{KEY}"
    assert query["X-Amz-Expires"] == ["90"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["response-content-disposition"] == ['attachment; filename="a_b___..____1.mp3"']
