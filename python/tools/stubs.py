#!/usr/bin/env python3
"""Prints landfall/_core.pyi, the types of the bindings, from the signatures pybind11 puts into docstrings.

    PYTHONPATH=build/python python/tools/stubs.py > python/landfall/_core.pyi

The file is kept in the tree, so that an editor and mypy have it without a build; a test fails when it is stale.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from textwrap import indent

from landfall import _core

HEAD = "# Printed by python/tools/stubs.py.\nfrom typing import Callable, ClassVar, Optional, Union\n"
UNSAID = {"__doc__", "__module__", "__hash__", "__eq__", "__str__", "__repr__"}  # as object has them


def split(doc: str) -> tuple[str, str]:
    """Signature and prose of a docstring such as 'f(self: landfall._core.X, a: int = 1) -> str\\n\\nProse.'"""
    signature, _, prose = doc.partition("\n")
    signature = re.sub(r"\((self|arg0): [\w.]+", "(self", signature).replace("landfall._core.", "").replace("List[", "list[")
    return signature, prose.strip()


def function(signature: str, prose: str, *decorators: str) -> str:
    lines = [*decorators, f"def {signature}: ..." if not prose else f'def {signature}:\n    """{prose}"""']
    return "\n".join(lines)


def member_stub(name: str, member: object) -> str:
    if isinstance(member, type):
        return class_stub(member)
    if isinstance(member, property):
        return function(name + split(member.fget.__doc__ or "")[0], member.__doc__ or "", "@property")
    if isinstance(member, staticmethod):
        return function(*split(member.__func__.__doc__ or ""), "@staticmethod")
    return function(*split(member.__doc__ or ""))


def members(cls: type) -> Iterator[str]:
    if names := getattr(cls, "__members__", None):  # an enumeration of pybind11
        yield from (f"{name}: ClassVar[{cls.__qualname__}]" for name in names)
        yield "@property\ndef name(self) -> str: ..."
        return
    for name, member in sorted(vars(cls).items()):
        made_by_c_only = name == "__init__" and "(self: " not in (member.__doc__ or "")
        if name not in UNSAID and not made_by_c_only:
            yield member_stub(name, member)


def class_stub(cls: type) -> str:
    prose = [f'"""{cls.__doc__}"""'] if cls.__doc__ and "__members__" not in vars(cls) else []
    bases = [base.__qualname__ for base in cls.__bases__ if base.__module__ == _core.__name__]
    name = f"{cls.__name__}({', '.join(bases)})" if bases else cls.__name__
    return f"class {name}:\n" + indent("\n".join([*prose, *members(cls)]), "    ")


def module_stub() -> Iterator[str]:
    yield HEAD
    for name, member in sorted(vars(_core).items()):
        if isinstance(member, type) or inspect.isroutine(member):
            yield member_stub(name, member) + "\n"


print("\n".join(module_stub()))
