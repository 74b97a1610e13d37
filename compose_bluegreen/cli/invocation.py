"""One invocation of a command: the project that its flags name, and the call that it makes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias

import typer

from compose_bluegreen.cli.options import LongFiles, location_flags
from compose_bluegreen.cli.progress import Json, ProgressFormat
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import BluegreenError

P = ParamSpec("P")
Execute: TypeAlias = Callable[["partial[int]"], int]
"""Makes the call and returns its exit code. Tests only record the call."""

_FLAGS = inspect.signature(location_flags, eval_str=True).parameters


@dataclass(frozen=True, slots=True)
class Invocation:
    """``location`` has the flags before and after the command's name as one."""

    location: ProjectLocation
    execute: Execute

    def run(
        self, act: Callable[Concatenate[ProjectLocation, P], int], *args: P.args, **kwargs: P.kwargs
    ) -> int:
        return self.execute(partial(act, self.location, *args, **kwargs))

    def run_with_progress(
        self,
        progress: ProgressFormat,
        act: Callable[Concatenate[ProjectLocation, P], int],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> int:
        """``--progress json`` promises one object a line on stderr, so an error is an object too."""
        try:
            return self.run(act, *args, **kwargs)
        except BluegreenError as error:
            if progress is not ProgressFormat.JSON:
                raise
            Json(sys.stderr).error(error)
            return error.exit_code


def with_project_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Adds compose's flags to the command's own; its first parameter becomes the ``Invocation``.

    Where the command has a ``-f`` of its own, files are only ``--file``.
    """
    _, *own_parameters = inspect.signature(command, eval_str=True).parameters.values()
    flags = dict(_FLAGS)
    if any("-f" in _names(parameter) for parameter in own_parameters):
        flags["file"] = flags["file"].replace(annotation=LongFiles)

    @wraps(command)
    def with_flags(context: typer.Context, **values: Any) -> int:
        late = location_flags(**{name: values.pop(name) for name in flags})
        early: Invocation = context.obj
        return command(Invocation(early.location.refined_by(late), early.execute), **values)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in (*own_parameters, *flags.values())
        ),
    ]
    with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_flags


def _names(parameter: inspect.Parameter) -> tuple[str, ...]:
    metadata = getattr(parameter.annotation, "__metadata__", ())
    return tuple(name for info in metadata for name in (info.default, *(info.param_decls or ())))
