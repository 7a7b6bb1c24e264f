"""The app of a target, for `check --target` and `load --target`: serve `wsgi_gauntlet.target:application`.

The environment variable WSGI_GAUNTLET_TOKEN must be set.
"""

from wsgi_gauntlet.suites.testapp.standalone import application

__all__ = ["application"]
