"""Templates of Jinja. Their values are escaped."""

from jinja2 import Environment, PackageLoader
from pyramid.csrf import get_csrf_token

ENVIRONMENT = Environment(loader=PackageLoader("todo"), autoescape=True)


class JinjaRenderer:
    """Renders a template, with the request and its CSRF token."""

    def __init__(self, info):
        self.template = ENVIRONMENT.get_template(info.name)

    def __call__(self, value, system):
        """Return the page."""
        request = system["request"]
        request.response.content_type = "text/html"
        return self.template.render(value, request=request, csrf_token=get_csrf_token(request))
