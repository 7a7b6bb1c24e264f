"""A list of things to do, with the structure of the tutorials of Pyramid: routes, views and a security policy."""

from pyramid.config import Configurator
from pyramid.csrf import CookieCSRFStoragePolicy

from .database import request_connection
from .rendering import JinjaRenderer
from .security import SecurityPolicy


def main(_global_config, **settings):
    """Make the app. Settings are `todo.database` (a file) and `todo.secret` (for cookies)."""
    with Configurator(settings=settings) as config:
        config.set_security_policy(SecurityPolicy(settings["todo.secret"]))
        config.set_csrf_storage_policy(CookieCSRFStoragePolicy())
        config.set_default_csrf_options(require_csrf=True)
        config.add_renderer(".html", JinjaRenderer)
        config.add_request_method(request_connection, "db", reify=True)
        config.add_static_view("static", "todo:static", cache_max_age=3600)
        config.add_route("list", "/")
        config.add_route("login", "/login")
        config.add_route("logout", "/logout")
        config.add_route("add", "/add")
        config.add_route("item", "/item/{number:[0-9]+}")
        config.add_route("done", "/item/{number:[0-9]+}/done")
        config.scan(".views")
        return config.make_wsgi_app()
