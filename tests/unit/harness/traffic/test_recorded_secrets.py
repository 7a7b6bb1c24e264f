"""The secrets of a recording: by name, by form, in paths and inside other texts."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.traffic.recorded_secrets import (
    hides_secret,
    is_secret,
    is_secret_path_part,
    is_secret_value,
    redacted,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"


@pytest.mark.parametrize(
    "name",
    [
        "password", "user_password", "passwd", "pwd", "csrf_token", "csrfmiddlewaretoken", "X-CSRFToken", "_xsrf",
        "authenticity_token", "accessToken", "api_key", "apikey", "X-Api-Key", "client_secret", "Authorization",
        "Proxy-Authorization", "sessionid", "PHPSESSIONID", "JSESSIONID", "sid", "X-Auth-Token", "otp", "cvv", "sig",
        "card-number", "privateKey", "__RequestVerificationToken", "PHPSESSID", "pw", "passcode", "oauth",
        "SAMLResponse", "mot_de_passe", "X-Subscription-Key", "totp", "verification_code", "security-code",
        "X-Hub-Signature",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["q", "page", "author", "compass", "insider", "design", "Accept", "spin", "key", "id"])
def test_other_names(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("state", "Ab3dEf6hIj9kLmN0", True),
        ("state", "CA", False),
        ("key", "AIzaSyD4x8Qm2L0pVt", True),
        ("key", "price", False),
        ("code", "482913", True),
        ("code", "SPRING", False),
        ("zip_code", "12345", False),
        ("password", "", False),
        ("q", "Ab3dEf6hIj9kLmN0", False),
    ],
)
def test_names_that_are_secrets_only_with_some_values(name: str, value: str, secret: bool) -> None:
    assert is_secret_value(name, value) is secret


@pytest.mark.parametrize(
    ("path", "secrets"),
    [
        ("/reset/MQ/c5f3k2-4bf9a0c1d2e3/", ["c5f3k2-4bf9a0c1d2e3"]),
        ("/verify/482913", ["482913"]),
        ("/token/Ab3dEf6hIj9kLmN0pQrS2t", ["Ab3dEf6hIj9kLmN0pQrS2t"]),
        ("/s/Ab3dEf6hIj9kLmN0pQrS2t", ["Ab3dEf6hIj9kLmN0pQrS2t"]),
        (f"/v/{TOKEN}", [TOKEN]),
        ("/password/change", []),
        ("/static/password-meter/jquery-3.6.0.min.js", []),
        ("/static/app.3f9a8b7c6d5e4f3a2b1c.js", []),
        ("/items/550e8400-e29b-41d4-a716-446655440000", []),
        ("/blog/2024-elections-results-analysis", []),
        ("/wiki/SoftwareDevelopmentKit", []),
        ("/reset/a/b/123456", []),
    ],
)
def test_secrets_in_paths(path: str, secrets: list[str]) -> None:
    parts = path.split("/")
    assert [each for at, each in enumerate(parts) if is_secret_path_part(each, parts[:at])] == secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/x?token=abc&a=1", "/x?token=DROPPED&a=1"),
        ('{"a": "password", "password": "x y"}', '{"a": "password", "password": "DROPPED"}'),
        ('{"password": "a \\"b\\" c", "d": 1}', '{"password": "DROPPED", "d": 1}'),
        ('mutation { login(password: \\"abc\\") }', 'mutation { login(password: \\"DROPPED\\") }'),
        ("'password': 'a b'", "'password': 'DROPPED'"),
        ("https://anna:pw@shop.example/", "https://DROPPED@shop.example/"),
        ("<a:Password type='x'>b</a:Password><c>d</c>", "<a:Password type='x'>DROPPED</a:Password><c>d</c>"),
        ("<password><![CDATA[x]]></password>", "<password><![CDATA[DROPPED]]></password>"),
        (f"x={TOKEN}; y", "x=DROPPED; y"),
        ("Authorization: Bearer abc123def456", "Authorization: DROPPED"),
        ("token=" + "x" * 2000 + "&a=1", "token=DROPPED&a=1"),
        ("basic introduction", "basic introduction"),
        ("starts: 10:00, a=b=c, ${password", "starts: 10:00, a=b=c, ${password"),
        ("password=", "password="),
    ],
)
def test_secrets_inside_a_text(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_a_secret_that_is_encoded_twice_is_found() -> None:
    assert hides_secret("/next?to=%2Freset%253Ftoken%253Dabc")
    assert not hides_secret("/next?to=%2Fa%3Fb%3Dc")
