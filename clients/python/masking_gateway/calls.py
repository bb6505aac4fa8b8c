"""Calls that are placed, and what is kept of calls: records, recordings, exports."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import requests

from masking_gateway.decoding import Day, Time, members
from masking_gateway.errors import GatewayError
from masking_gateway.models import Call, Export, Record, Recording, RecordingLink
from masking_gateway.transport import Transport, no_answer

_CHUNK_BYTES = 64 * 1024
_LINK_TIMEOUT_S = (5.0, 60.0)


class PlacedCalls:
    """Calls that the platform places. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def place(
        self,
        parties: Sequence[str],
        *,
        number: str | None = None,
        max_call_s: int | None = None,
        record: bool | None = None,
        user_data: str | None = None,
        account: str | None = None,
        idempotency_key: str | None = None,
    ) -> Call:
        """Rings two people and connects them; three to nine are a conference. They see `number`,
        one of the app's X, or one that is chosen."""
        body = members(
            parties=list(parties),
            number=number,
            max_call_s=max_call_s,
            record=record,
            user_data=user_data,
            account=account,
        )
        answer = self._transport.change("POST", "/v1/calls", body, idempotency_key=idempotency_key)
        return answer.read(Call)

    def get(self, call_id: str) -> Call:
        """A call, and how far it is."""
        return self._transport.get(_path(call_id)).read(Call)

    def hang_up(self, call_id: str) -> Call:
        """Ends a call where the carrier can, else 409 `not_supported`."""
        return self._transport.send("DELETE", _path(call_id)).read(Call)


def _path(call_id: str) -> str:
    return f"/v1/calls/{quote(call_id, safe='')}"


class Records:
    """Records of calls and messages. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, record_id: str) -> Record:
        """One record. `call` of an event is its id."""
        return self._transport.get(f"/v1/records/{quote(record_id, safe='')}").read(Record)

    def list(
        self,
        *,
        since: Time | None = None,
        until: Time | None = None,
        binding: str | None = None,
        number: str | None = None,
    ) -> Iterator[Record]:
        """Records, newest first: of a binding, of an X, or of a time; of the last day if nothing is
        given."""
        wanted = members(since=since, until=until, binding=binding, number=number)
        return self._transport.pages(Record, "/v1/records", wanted)

    def search(
        self,
        *,
        person: str,
        since: Time | None = None,
        until: Time | None = None,
        binding: str | None = None,
        number: str | None = None,
    ) -> Iterator[Record]:
        """The records in which a person called, or was called."""
        wanted = members(person=person, since=since, until=until, binding=binding, number=number)
        return self._transport.pages(Record, "/v1/records/search", wanted, search=True)


class Recordings:
    """The sound of calls. Each method raises GatewayError: 409 `not_ready` while the recording is
    on its way, 410 when it is not kept any more."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def link(self, recording_id: str) -> RecordingLink:
        """An address that anybody can download the recording from, for a short time."""
        path = f"/v1/recordings/{quote(recording_id, safe='')}"
        return self._transport.get(path, {"redirect": "no"}).read(RecordingLink)

    def download(self, recording: Recording | str, to: str | os.PathLike[str]) -> int:
        """Writes a recording into a file, and returns its size in bytes. The file appears only
        when it is complete; of a Recording, size and md5 are checked. Raises GatewayError."""
        known = recording if isinstance(recording, Recording) else None
        link = self.link(recording if isinstance(recording, str) else recording.id)
        path = Path(to)
        part = path.with_name(f"{path.name}.part")
        try:
            size, md5 = self._fetch(link.url, part)
            if known is not None and (known.size, known.md5) != (size, md5):
                raise GatewayError(
                    None, title="the file is not the recording", detail=str(known.id)
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size

    def _fetch(self, url: str, part: Path) -> tuple[int, str]:
        # Without our authentication: the link has its own, and is not the gateway's.
        md5, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with (
                self._transport.session.get(url, stream=True, timeout=_LINK_TIMEOUT_S) as response,
                part.open("wb") as file,
            ):
                if response.status_code != 200:
                    raise GatewayError(response.status_code, title="the link does not work")
                for chunk in response.iter_content(_CHUNK_BYTES):
                    size += file.write(chunk)
                    md5.update(chunk)
        except requests.RequestException as broken:
            raise no_answer(broken) from broken
        return size, md5.hexdigest()


class Exports:
    """All records of a day as files. Each method raises GatewayError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self, day: Day, *, format: str | None = None, idempotency_key: str | None = None
    ) -> Export:
        """Has a day (UTC) exported as `csv` or `jsonl`, in the background."""
        body = members(day=day, format=format)
        answer = self._transport.change(
            "POST", "/v1/exports", body, idempotency_key=idempotency_key
        )
        return answer.read(Export)

    def get(self, export_id: str) -> Export:
        """How far it is, and links to the files that there are."""
        return self._transport.get(f"/v1/exports/{quote(export_id, safe='')}").read(Export)

    def list(self) -> Iterator[Export]:
        """Exports, the latest first, without links."""
        return self._transport.pages(Export, "/v1/exports", {})
