"""Server-sent events (WHATWG HTML, 9.2) line by line, and the statuses that they bring."""

from dataclasses import dataclass

from ecg_client.errors import is_passing
from ecg_contract.wire.status import JobStatusResponse


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: str
    id: str | None


class EventParser:
    """Takes lines without their ends; gives an event at the empty line that ends it."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self._name, self._data = "", list[str]()

    def feed(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name or "message", "\n".join(self._data), self.last_id) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id":
                self.last_id = value
        return None


class Watch:
    """What is known of a job's stream of events, over all its connections."""

    def __init__(self) -> None:
        self._events, self._began = EventParser(), False
        self.is_over = False
        """The job is final, or was removed."""

    @property
    def last_id(self) -> str | None:
        return self._events.last_id

    def feed(self, line: str) -> JobStatusResponse | None:
        """The status that the line completes."""
        self._began = True
        event = self._events.feed(line)
        if event is None:
            return None
        if event.name == "removed":
            self.is_over = True
            return None
        status = JobStatusResponse.model_validate_json(event.data)
        self.is_over = status.status != "processing"
        return status

    def goes_on_after(self, error: Exception) -> bool:
        """Whether to ask again: not where nothing ever came."""
        return self._began and is_passing(error)
