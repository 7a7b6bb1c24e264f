"""A user's Caddyfile or JSON configuration with the addresses, logs and certificates of the harness. Pure.

`caddy adapt` makes JSON of a Caddyfile. https://caddyserver.com/docs/json/
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.servers._support.user_configuration import NOT_USED, Overrides

Json = dict[str, object]

KEPT_TRANSPORT_OPTIONS = frozenset(
    {"read_buffer_size", "write_buffer_size", "max_response_header_size", "dial_timeout", "dial_fallback_delay"}
    | {"response_header_timeout", "expect_continue_timeout", "read_timeout", "write_timeout", "keep_alive"}
    | {"compression", "max_conns_per_host", "protocol"}
)


def objects(value: object) -> Iterator[Json]:
    """Yield all objects of a JSON value, the outer ones first."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from objects(each)


def _proxies(value: object) -> list[Json]:
    return [each for each in objects(value) if each.get("handler") == "reverse_proxy"]


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def served(configuration: Mapping[str, object], name: str) -> tuple[str, Json]:
    """Return the name and the object of the server that passes requests on. Raises ConfigurationError."""
    servers = _mapping(_mapping(_mapping(configuration.get("apps")).get("http")).get("servers"))
    for key, server in servers.items():
        if _proxies(server):
            return key, _mapping(server)
    raise ConfigurationError(f"{name}: no site has a reverse_proxy; name the file with the site of your app")


def with_own_addresses(
    configuration: Mapping[str, object], name: str, *, listen: str, dial: str, tls_behind: bool, common: Json
) -> tuple[Json, tuple[ConfigOverride, ...]]:
    """Return the configuration with one server, which listens at `listen` and passes requests to `dial`.

    `common` are the parts beside the HTTP server, which replace those of the user: administration, storage, logs.
    Raises ConfigurationError if no site passes requests on.
    """
    over = Overrides("caddy")
    changed: Json = copy.deepcopy(dict(configuration))
    key, server = served(changed, name)
    apps = _mapping(changed.get("apps"))
    http = _mapping(apps.get("http"))
    for other in _mapping(http.get("servers")):
        if other != key:
            over.add(f"server {other}", _listens(_mapping(_mapping(http["servers"])[other])))
    for part in ("admin", "storage", "logging"):
        if part in changed:
            over.add(part, "as in the file", "of the harness")
    for app in set(apps) - {"http", "tls"}:
        over.add(f"app {app}", "as in the file")
    if "tls" in apps or "tls_connection_policies" in server:
        over.add(
            "certificates", "as in the file", "of the harness" if "tls" in _mapping(common.get("apps")) else NOT_USED
        )
    over.add("listen", _listens(server), listen)
    server["listen"] = [listen]
    for each in ("tls_connection_policies", "logs", "listener_wrappers"):
        server.pop(each, None)
    server["automatic_https"] = {"disable": True}
    _open_sites(server, over)
    for proxy in _proxies(server):
        _replace_upstreams(proxy, dial, over, tls_behind=tls_behind)
    kept_http = {name: value for name, value in http.items() if name in ("grace_period", "shutdown_delay")}
    own_apps = _mapping(common.get("apps"))
    made: Json = {**common, "apps": {**own_apps, "http": {**kept_http, "servers": {key: server}}}}
    return made, over.found


def _listens(server: Mapping[str, object]) -> str:
    return " ".join(map(str, _sequence(server.get("listen")))) or "the default"


def _open_sites(server: Json, over: Overrides) -> None:
    """Keep the sites that pass requests on, the first of them for every host: clients of the harness use localhost."""
    kept: list[object] = []
    opened = False
    for route in map(_mapping, _sequence(server.get("routes"))):
        matches = [_mapping(each) for each in _sequence(route.get("match"))]
        hosts = [str(host) for each in matches for host in _sequence(each.get("host"))]
        if not hosts:
            kept.append(route)
            continue
        if opened or not _proxies(route):
            over.add("site", ", ".join(hosts), "not served")
            continue
        opened = True
        over.add("site", ", ".join(hosts), "every host")
        others = [{name: value for name, value in each.items() if name != "host"} for each in matches]
        kept.append({**route, "match": others} if all(others) else {k: v for k, v in route.items() if k != "match"})
    server["routes"] = kept


def _replace_upstreams(proxy: Json, dial: str, over: Overrides, *, tls_behind: bool) -> None:
    was = [str(_mapping(each).get("dial", "")) for each in _sequence(proxy.get("upstreams"))]
    over.add("reverse_proxy", " ".join(was) or "dynamic upstreams", dial)
    kept = [_mapping(each) for each in _sequence(proxy.get("upstreams"))][:1]
    proxy["upstreams"] = [{**(kept[0] if kept else {}), "dial": dial}]
    proxy.pop("dynamic_upstreams", None)
    checks = _mapping(proxy.get("health_checks"))
    if "active" in checks:
        # The test app has no page for them, so that Caddy would call it down.
        over.add("active health checks", "as in the file")
        proxy["health_checks"] = {name: value for name, value in checks.items() if name != "active"}
    transport = {
        name: value for name, value in _mapping(proxy.get("transport")).items() if name in KEPT_TRANSPORT_OPTIONS
    }
    protocol = str(transport.get("protocol", "http"))
    if protocol != "http":
        raise ConfigurationError(
            f"the file passes requests on with {protocol}; WSGI servers speak HTTP: use reverse_proxy"
        )
    if "tls" in _mapping(proxy.get("transport")) and not tls_behind:
        over.add("transport tls", "as in the file")
    if tls_behind:
        transport["tls"] = {"insecure_skip_verify": True}
    proxy["transport"] = {**transport, "protocol": protocol}
