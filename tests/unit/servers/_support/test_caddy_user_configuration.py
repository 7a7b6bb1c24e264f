"""A user's configuration of Caddy, as JSON: one site with the addresses of the harness."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support import caddy_user_configuration as user_file


def site(host: str, *handlers: dict[str, Any]) -> dict[str, Any]:
    return {"match": [{"host": [host]}], "handle": [{"handler": "subroute", "routes": [{"handle": list(handlers)}]}]}


PROXY = {
    "handler": "reverse_proxy",
    "upstreams": [{"dial": "10.0.0.1:80", "max_requests": 3}, {"dial": "10.0.0.2:80"}],
    "health_checks": {"active": {"uri": "/up"}, "passive": {"max_fails": 2}},
    "transport": {"protocol": "http", "tls": {}, "read_timeout": 5},
}
CONFIGURATION: dict[str, Any] = {
    "admin": {"listen": ":2019"},
    "logging": {"logs": {}},
    "apps": {
        "tls": {"automation": {}},
        "http": {
            "servers": {
                "srv1": {"listen": [":8080"], "routes": [{"handle": [{"handler": "file_server"}]}]},
                "srv0": {
                    "listen": [":443"],
                    "logs": {},
                    "routes": [site("www.a.example", {"handler": "static_response"}), site("a.example", PROXY)],
                },
            }
        },
    },
}


def made(**given: Any) -> tuple[dict[str, Any], dict[str, str]]:
    options: dict[str, Any] = {"listen": "tcp/h:1", "dial": "h:2", "tls_behind": False, "common": {"admin": "own"}}
    configuration, overrides = user_file.with_own_addresses(CONFIGURATION, "Caddyfile", **(options | given))
    found: Any = configuration
    return found, {each.setting: each.now for each in overrides}


def test_the_site_that_passes_requests_on_serves_every_host() -> None:
    configuration, overrides = made()
    servers = configuration["apps"]["http"]["servers"]
    assert list(servers) == ["srv0"]
    assert servers["srv0"]["listen"] == ["tcp/h:1"]
    (route,) = servers["srv0"]["routes"]
    assert "match" not in route
    (proxy,) = [each for each in user_file.objects(route) if each.get("handler") == "reverse_proxy"]
    assert proxy["upstreams"] == [{"dial": "h:2", "max_requests": 3}]
    assert proxy["transport"] == {"protocol": "http", "read_timeout": 5}
    assert proxy["health_checks"] == {"passive": {"max_fails": 2}}
    assert configuration["admin"] == "own"
    assert "tls" not in configuration["apps"]
    assert overrides["listen"] == "tcp/h:1"
    assert overrides["reverse_proxy"] == "h:2"
    assert overrides["certificates"] == overrides["server srv1"] == "not used"


def test_the_configuration_that_was_given_stays_as_it_was() -> None:
    made()
    assert CONFIGURATION["apps"]["http"]["servers"]["srv0"]["listen"] == [":443"]


def test_tls_to_the_server_behind_is_not_verified() -> None:
    configuration, _ = made(tls_behind=True)
    (proxy,) = [each for each in user_file.objects(configuration) if each.get("handler") == "reverse_proxy"]
    assert isinstance(proxy["transport"], dict)
    assert proxy["transport"]["tls"] == {"insecure_skip_verify": True}


@pytest.mark.parametrize("configuration", [{}, {"apps": None}, {"apps": {"http": {"servers": {"a": {"routes": []}}}}}])
def test_a_file_without_a_reverse_proxy_is_an_error(configuration: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no site has a reverse_proxy"):
        user_file.served(configuration, "Caddyfile")
