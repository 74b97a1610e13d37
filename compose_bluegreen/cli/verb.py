"""What each command's file hands over: one function, and the examples of its help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """``function`` has the options as parameters and the help as docstring.

    A function ``of_a_project`` gets the ``Invocation`` first, and compose's own flags are added to
    its options. The other commands concern this machine and get their own options only.
    """

    function: Callable[..., int]
    examples: tuple[str, ...]
    of_a_project: bool = True

    @property
    def epilog(self) -> str:
        return "\b\nExamples:\n  " + "\n  ".join(self.examples)
