"""What traffic cannot check: whether a page belongs to another user, if no text of the file has a user's own value."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList


@pytest.mark.parametrize(
    ("contains", "checked"),
    [
        ("Hello ${users.name}", True),
        ("Hello ${token}", True),
        ("Hello ${users.role}", False),
        ("Hello ${origin}", False),
        ("Hello", False),
    ],
)
def test_only_a_value_that_differs_names_a_user(contains: str, checked: bool) -> None:
    users = ValueList("users", ("name", "role"), (("anna", "buyer"), ("bob", "buyer")))
    traffic = Traffic((Sequence("s", (Step("step", "GET", "/", contains=(contains,)),)),), (users,))
    assert (VerifiedTraffic(traffic, ((None,),)).limitations == {}) is checked
