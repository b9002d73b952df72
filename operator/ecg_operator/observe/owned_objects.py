"""Jobs or pods that a watch has brought, as small records."""

from collections.abc import Callable, MutableMapping
from typing import Any, Generic, Protocol, TypeVar

from ecg_contract.videojob.manifests import Manifest


class _Owned(Protocol):
    @property
    def uid(self) -> str: ...
    @property
    def videojob(self) -> str: ...


_T = TypeVar("_T", bound=_Owned)


class OwnedObjects(Generic[_T]):
    """By uid, and by the name of the VideoJob that they belong to, empty for idle standby objects. A `Store`."""

    def __init__(
        self, read: Callable[[Manifest], _T], warnings: MutableMapping[str, Any], changed: Callable[[str], None]
    ) -> None:
        """`warnings` are by uid too: those of an object that is dropped are dropped with it.

        `changed` is called with the VideoJob's name of each object that was put or dropped.
        """
        self._read, self._warnings, self._changed = read, warnings, changed
        self._by_uid: dict[str, tuple[int, _T]] = {}
        """With their versions."""
        self._by_videojob: dict[str, dict[str, _T]] = {}

    def put(self, manifest: Manifest) -> str:
        owned, version = self._read(manifest), int(manifest["metadata"]["resourceVersion"])
        if version > self.version(owned.uid):
            self._leave(owned)
            self._by_uid[owned.uid] = (version, owned)
            self._by_videojob.setdefault(owned.videojob, {})[owned.uid] = owned
            self._changed(owned.videojob)
        return owned.videojob

    def drop(self, uid: str) -> str | None:
        self._warnings.pop(uid, None)
        _, owned = self._by_uid.pop(uid, (0, None))
        if owned is None:
            return None
        self._remove(owned)
        return owned.videojob

    def _leave(self, owned: _T) -> None:
        """A VideoJob has taken a standby object, which was of none."""
        _, old = self._by_uid.get(owned.uid, (0, owned))
        if old.videojob != owned.videojob:
            self._remove(old)

    def _remove(self, owned: _T) -> None:
        siblings = self._by_videojob[owned.videojob]
        del siblings[owned.uid]
        if not siblings:
            del self._by_videojob[owned.videojob]
        self._changed(owned.videojob)

    def version(self, uid: str) -> int:
        return self._by_uid[uid][0] if uid in self._by_uid else 0

    def uids(self) -> set[str]:
        return set(self._by_uid)

    def of(self, videojob: str) -> tuple[_T, ...]:
        return tuple(self._by_videojob.get(videojob, {}).values())

    def videojob_of(self, uid: str) -> str | None:
        return self._by_uid[uid][1].videojob if uid in self._by_uid else None
