"""What all routers share: their routes, the filter of one call, and what happens when nothing fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from plait.core.names import did_you_mean, listing
from plait.errors import DefinitionError, PlaitError


class RouteError(PlaitError, ValueError):
    """No route fits the text and there is no default, or a call's ``route_filter`` names no route."""


class Router(ABC):
    """Chooses one of its routes for a text: a component that takes ``source`` and returns a route's name.

    Attributes:
        valid_routes: the names of the routes, in listed order.
        default_route: what is returned when none of them fits; None: that is a ``RouteError``.
    """

    valid_routes: tuple[str, ...]
    default_route: str | None

    def __init__(self, valid_routes: Iterable[str], default_route: str | None) -> None:
        name = type(self).__name__
        self.valid_routes = _checked_routes(name, valid_routes)
        if default_route is not None:
            _check_name(name, default_route, "default_route")
            for route in self.valid_routes:
                # It may be a name of its own, but hardly one that differs from a route in its capitals only.
                if route != default_route and route.casefold() == default_route.casefold():
                    raise DefinitionError(f"{name}(default_route={default_route!r}): did you mean {route!r}?")
        self.default_route = default_route

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.valid_routes)!r}, default_route={self.default_route!r})"

    @abstractmethod
    def __call__(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose a route for a text.

        Args:
            source: the text.
            route_filter: the routes that may be chosen this time; None: all of them. The default may always be.

        Raises:
            RouteError: no route fits and there is no default, or the filter names a route that does not exist.
        """

    async def route(self, source: str, route_filter: Iterable[str] | None = None) -> str:
        """Choose a route for a text; the same as calling the router, for code that awaits."""
        return self(source, route_filter)

    def _allowed(self, route_filter: Iterable[str] | None) -> tuple[str, ...]:
        """The routes of one call, in the order in which the router lists them."""
        if route_filter is None:
            return self.valid_routes
        if isinstance(route_filter, str):
            raise RouteError(
                f"{type(self).__name__}: route_filter={route_filter!r} is one string; write [{route_filter!r}]"
            )
        wanted = list(route_filter)
        for route in wanted:
            if route not in self.valid_routes and route != self.default_route:
                near = did_you_mean(route, self.valid_routes) if isinstance(route, str) else ""
                raise RouteError(
                    f"{type(self).__name__}: route_filter names {route!r}, which is no route{near or ';'}"
                    f" the routes are {listing(self.valid_routes)}"
                )
        return tuple(route for route in self.valid_routes if route in wanted)

    def _settled(self, found: str | None, allowed: tuple[str, ...], why: str = "") -> str:
        """The route that was found, or the default; ``why`` says in an error what stood in the way."""
        if found is not None:
            return found
        if self.default_route is not None:
            return self.default_route
        among = f"none of the routes {listing(allowed)} fits" if allowed else "route_filter leaves no route"
        raise RouteError(
            f"{type(self).__name__}: {among}{why}, and there is no default; pass default_route= to name one"
        )

    def _text(self, source: object) -> str:
        if isinstance(source, str):
            return source
        raise TypeError(
            f"{type(self).__name__}: source is a {type(source).__name__}, and a router reads text;"
            " map source to a key that holds a str"
        )


def best(scores: Mapping[str, float], above: float = 0.0) -> str | None:
    """The route with the highest score above a floor; of equal ones the first listed."""
    found, highest = None, above
    for route, score in scores.items():
        if score > highest:
            found, highest = route, score
    return found


def routes_of(router: str, routes: object, what: str) -> Mapping[str, Any]:
    """The ``routes`` argument if it is a mapping with something in it; ``what`` says what its values are."""
    if not isinstance(routes, Mapping):
        raise DefinitionError(
            f"{router}(routes={routes!r}): routes is a mapping from a route's name to {what}"
        )
    return routes


def strings_of(router: str, route: str, given: object, what: str) -> tuple[str, ...]:
    """The strings that belong to one route: at least one, none of them empty.

    Raises:
        DefinitionError: they are something else.
    """
    if isinstance(given, str):
        raise DefinitionError(f"{router}: route {route!r} has one string; write [{given!r}]")
    if not isinstance(given, Iterable):
        raise DefinitionError(f"{router}: route {route!r} has {given!r}, which is no list of {what}")
    found = tuple(given)
    for one in found:
        if not isinstance(one, str) or not one.strip():
            raise DefinitionError(
                f"{router}: route {route!r} has {one!r} among its {what}; they are texts, not empty"
            )
    if not found:
        raise DefinitionError(f"{router}: route {route!r} has no {what}; give it one, or leave the route out")
    return found


def choice_of(router: str, name: str, given: object, known: tuple[str, ...]) -> None:
    """Check an argument that is one of a few words."""
    if given not in known:
        near = did_you_mean(given, known) if isinstance(given, str) else ""
        raise DefinitionError(f"{router}({name}={given!r}): {name} is {' or '.join(map(repr, known))}{near}")


def life_of(function: object, *names: str) -> Any:
    """The first method of that name which a function object brings along, such as its ``setup``."""
    for name in names:
        method = getattr(function, name, None)
        if callable(method) and not isinstance(function, type):
            return method
    return None


def turn_async(router: Router, plain: type[Router], waiting: type[Router]) -> None:
    """Make a router await the function that it was given, because that is an ``async def``.

    Whether a component waits is seen from its class, before it is called. So the object takes the class that does.
    """
    if type(router) is not plain:
        raise DefinitionError(
            f"{type(router).__name__} is derived from {plain.__name__} and was given an async function, which only"
            f" {plain.__name__} itself can await; call one inside of a component of your own instead"
        )
    router.__class__ = waiting


def _checked_routes(router: str, routes: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for route in routes:
        _check_name(router, route, "route")
        if route in found:
            raise DefinitionError(f"{router}: the route {route!r} is listed twice")
        found[route] = None
    if not found:
        raise DefinitionError(f"{router} has no routes; name at least one")
    return tuple(found)


def _check_name(router: str, name: object, what: str) -> None:
    if not isinstance(name, str) or not name.strip():
        raise DefinitionError(
            f"{router}: {what} {name!r} is no name; a route is named by a string that is not empty"
        )
    if name != name.strip():
        raise DefinitionError(
            f"{router}: {what} {name!r} begins or ends with a space; write {name.strip()!r}"
        )
