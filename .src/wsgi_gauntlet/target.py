"""The app to deploy for `load --target`: serve `wsgi_gauntlet.target:application` with WSGI_GAUNTLET_TOKEN set."""

from wsgi_gauntlet.suites.testapp.standalone import application

__all__ = ["application"]
