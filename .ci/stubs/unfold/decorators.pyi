from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.utils.functional import _StrOrPromise

_F = TypeVar("_F", bound=Callable[..., Any])

def action(
    *,
    permissions: Iterable[str] | None = None,
    description: _StrOrPromise | None = None,
) -> Callable[[_F], _F]: ...
def display(
    *,
    ordering: str | None = None,
    description: _StrOrPromise | None = None,
) -> Callable[[_F], _F]: ...
