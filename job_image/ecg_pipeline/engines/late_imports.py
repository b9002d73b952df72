"""Modules that are imported when something of theirs is used, not when another module names them.

Python's own `importlib.util.LazyLoader` imports a module at `from module import name`, which is how libraries name
almost everything. Here that statement gives a `LateName`, which stands for what it names: called, asked for a value or
used as a base class, it imports the module, and is from then on what was imported. So nothing is left out, and a
program that uses everything runs as before.
"""

import contextlib
import importlib.util
import sys
import threading
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_ITS_OWN = frozenset({"__all__", "__version__"})
"""Names that only the module itself knows."""


class LateImports(MetaPathFinder, Loader):
    """Finds late modules, unless they were imported before.

    Of `roots` all that is below them is late, too. Of `packages` only their own code is: their submodules are imported
    as ever. `marks` are names `module:function` of decorators which only note something about a function, for others in
    their module: until that is imported they return the function as it is.
    """

    def __init__(self, roots: Collection[str], packages: Collection[str] = (), marks: Collection[str] = ()) -> None:
        self._roots = {root for root in roots if root not in sys.modules}
        self._packages = {package for package in packages if package not in sys.modules}
        self._parts: dict[str, dict[str, types.ModuleType]] = {}
        """The submodules that a package had before its own code ran."""
        self._marks = frozenset(marks)
        self._lock = threading.Lock()

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if self._root(fullname) is not None:
            return ModuleSpec(fullname, self, is_package=True)
        if fullname not in self._packages and fullname not in self._parts:
            return None
        found = PathFinder.find_spec(fullname, path)
        if found is not None and found.loader is not None:
            found.loader = self if fullname in self._packages else WithParts(found.loader, self._parts[fullname])
        return found

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return (LatePackage if spec.name in self._packages else LateModule)(spec.name, self)

    def exec_module(self, module: types.ModuleType) -> None:
        """Has nothing to do: the module's code runs once it is used."""

    def is_late(self, module: str) -> bool:
        return module in self._packages or self._root(module) is not None

    def is_mark(self, module: str, path: str) -> bool:
        return f"{module}:{path}" in self._marks and self.is_late(module)

    def imported(self, name: str) -> types.ModuleType:
        """The module itself. Raises what its import raises."""
        self._no_longer_late(name)
        while isinstance(module := importlib.import_module(name), LateModule):
            sys.modules.pop(name, None)  # another thread, which found it late a moment ago, put it there
        return module

    def _no_longer_late(self, name: str) -> None:
        with self._lock:
            if name in self._packages:
                self._parts[name] = _modules_in(sys.modules.pop(name))
                self._packages.remove(name)
            elif (root := self._root(name)) is not None:
                self._roots.remove(root)
                for module in [each for each in list(sys.modules) if root in _with_parents(each)]:
                    del sys.modules[module]

    def _root(self, module: str) -> str | None:
        return next((name for name in _with_parents(module) if name in self._roots), None)


class WithParts(Loader):
    """Loads a package whose submodules were imported before: the import system binds them to no other one."""

    def __init__(self, loader: Loader, parts: Mapping[str, types.ModuleType]) -> None:
        self._loader, self._parts = loader, parts

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        vars(module).update(self._parts)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.exec_module(module)


class LateModule(types.ModuleType):
    """Stands for a module that is not imported yet."""

    def __init__(self, name: str, imports: LateImports) -> None:
        super().__init__(name)
        self.__dict__["_imports"] = imports

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            with contextlib.suppress(PackageNotFoundError):
                return version(self.__name__)
        if name in _ITS_OWN or not self._imports.is_late(self.__name__):
            return _member(self._imports.imported(self.__name__), name)
        if name.startswith("__"):
            raise AttributeError(name)
        return self._part(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Dunders and submodules, which the import system sets, stay here; other values are the module's own."""
        if name.startswith("__") or isinstance(value, types.ModuleType):
            super().__setattr__(name, value)
        else:
            setattr(self._imports.imported(self.__name__), name, value)

    def _part(self, name: str) -> Any:
        return LateName(self._imports, self.__name__, name)


class LatePackage(LateModule):
    """Stands for a package whose own code has not run yet."""

    def _part(self, name: str) -> Any:
        submodule = f"{self.__name__}.{name}"
        if importlib.util.find_spec(submodule) is not None:
            return importlib.import_module(submodule)
        return getattr(self._imports.imported(self.__name__), name)


class LateName:
    """Stands for an object, or a part of it, in a module that is not imported yet."""

    def __init__(self, imports: LateImports, module: str, path: str) -> None:
        self.__dict__.update(_imports=imports, _module=module, _path=path)

    def __getattr__(self, name: str) -> Any:
        """While the module is late it has no dunders, for which `typing` asks."""
        if not self._imports.is_late(self._module):
            return getattr(_object(self), name)
        if name.startswith("__"):
            raise AttributeError(name)
        return LateName(self._imports, self._module, f"{self._path}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Dunders stay here: libraries note where an object belongs (`__module__`)."""
        if name.startswith("__"):
            self.__dict__[name] = value
        else:
            setattr(_object(self), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._imports.is_mark(self._module, self._path):
            return args[0] if args and args[0] is not None else lambda function: function
        return _object(self)(*args, **kwargs)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (_object(self),)

    def __instancecheck__(self, instance: object) -> bool:
        """Of a class whose module is not imported there is no instance."""
        return not self._imports.is_late(self._module) and isinstance(instance, _object(self))

    def __subclasscheck__(self, subclass: type) -> bool:
        return not self._imports.is_late(self._module) and issubclass(subclass, _object(self))

    def __or__(self, other: Any) -> Any:
        """Of a type hint, which nobody reads while the program runs."""
        return Any

    __ror__ = __or__

    def __bool__(self) -> bool:
        return bool(_object(self))

    def __getitem__(self, key: Any) -> Any:
        return _object(self)[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(_object(self))

    def __len__(self) -> int:
        return len(_object(self))

    def __contains__(self, item: Any) -> bool:
        return item in _object(self)


def _object(name: LateName) -> Any:
    return reduce(_member, name._path.split("."), name._imports.imported(name._module))


def _member(owner: Any, name: str) -> Any:
    """An attribute, or a submodule that nobody has imported yet."""
    try:
        return getattr(owner, name)
    except AttributeError:
        if not isinstance(owner, types.ModuleType) or importlib.util.find_spec(f"{owner.__name__}.{name}") is None:
            raise
    return importlib.import_module(f"{owner.__name__}.{name}")


def _modules_in(package: types.ModuleType) -> dict[str, types.ModuleType]:
    return {name: value for name, value in vars(package).items() if isinstance(value, types.ModuleType)}


def _with_parents(module: str) -> Iterator[str]:
    while module:
        yield module
        module = module.rpartition(".")[0]
