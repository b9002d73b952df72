"""Server-sent events (WHATWG HTML, 9.2), line by line."""

from dataclasses import dataclass


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
