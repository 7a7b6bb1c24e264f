"""Who the user is: a signed cookie says so."""

from pyramid.authentication import AuthTktCookieHelper


class SecurityPolicy:
    """Users are logged in or not. Nothing else is asked."""

    def __init__(self, secret):
        self.cookies = AuthTktCookieHelper(secret, hashalg="sha512", http_only=True, samesite="Lax")

    def identity(self, request):
        """Return the name of the user, or None."""
        return self.authenticated_userid(request)

    def authenticated_userid(self, request):
        """Return the name of the user, or None."""
        identity = self.cookies.identify(request)
        return identity["userid"] if identity else None

    def permits(self, request, _context, _permission):
        """Permit everything to users who are logged in."""
        return self.authenticated_userid(request) is not None

    def remember(self, request, userid, **options):
        """Return the headers that log a user in."""
        return self.cookies.remember(request, userid, **options)

    def forget(self, request, **options):
        """Return the headers that log a user out."""
        return self.cookies.forget(request, **options)
