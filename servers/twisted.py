"""Twisted Web's WSGIResource: one thread for the sockets and a pool for the app. https://docs.twisted.org"""

from __future__ import annotations

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Launch,
    distribution_version,
    pip_install_command,
    reject_unsupported,
)
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
from twisted.internet import endpoints, reactor
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.wsgi import WSGIResource

application = loaded()
errors = LogLevelFilterPredicate(defaultLogLevel=LogLevel.error)
observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [errors])
globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)

pool = ThreadPool(min(5, options["threads"]), options["threads"])
reactor.callWhenRunning(pool.start)
reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
root = WSGIResource(reactor, pool, application)
for part in reversed(list(filter(None, options.get("mount", "").split("/")))):
    above = Resource()
    above.putChild(part.encode(), root)
    root = above
site = Site(root, timeout=options["timeout"])

words = ["ssl" if "key" in options else "tcp6" if ":" in where else "tcp", port]
words.append("interface=" + endpoints.quoteStringArgument(where))
words.append("backlog=%d" % options["backlog"])
if "key" in options:
    words.append("certKey=" + endpoints.quoteStringArgument(options["certificate"]))
    words.append("privateKey=" + endpoints.quoteStringArgument(options["key"]))


problems = []


def failed(failure):
    problems.append("%s: %s" % (failure.type.__name__, failure.getErrorMessage()))
    reactor.stop()


def listen():
    endpoints.serverFromString(reactor, ":".join(words)).listen(site).addErrback(failed)


reactor.callWhenRunning(listen)
reactor.run()
sys.exit(problems[0] if problems else 0)
"""

THREADS = 20
"""twisted.python.threadpool.ThreadPool, of which `twist web --wsgi` makes one as it comes (twisted/web/tap.py)."""
TIMEOUT = 60
"""twisted.web.http._REQUEST_TIMEOUT: seconds that a connection may be silent, in a request or between two."""
BACKLOG = 50
"""The endpoint's own, twisted.internet.endpoints.TCP4ServerEndpoint."""


class Twisted(Adapter):
    """What `twist web --wsgi` sets up, by a script: that command has no option for threads or time-outs."""

    name = "twisted"
    title = "Twisted Web"
    distribution = "twisted"
    requires = ("twisted[tls]",)
    environ_support = "in the environment of its process; WSGIResource has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return the script. Raises Unsupported for Unix sockets: an answer there fails for want of a port number."""
        asked = launch.settings
        script_server.require_http(launch, self.name, tls=True)
        if asked.tls and not distribution_version(launch.python, "pyopenssl"):
            raise Unsupported(
                f"twisted speaks TLS with pyOpenSSL, which is not installed for {launch.python}; "
                f"get it with: {pip_install_command(launch.python, 'twisted[tls]')}"
            )
        reject_unsupported(
            self.name,
            # _WSGIResponse asks the address for its port, which that of a Unix socket has not (twisted/web/wsgi.py).
            unix_sockets=launch.address.path,
            more_than_one_worker=(asked.workers or 1) > 1,
        )
        certificate, key = script_server.identity(launch)
        timeout = script_server.single_timeout(self.name, asked)
        return script_server.command(
            launch,
            SCRIPT,
            threads=asked.threads or THREADS,
            timeout=TIMEOUT if timeout is None else timeout,
            backlog=BACKLOG if asked.backlog is None else asked.backlog,
            mount=asked.mount or None,
            certificate=certificate,
            key=key,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings, its defaults filled in."""
        return script_server.single_timeout_conditions(
            launch, self.name, threads=THREADS, timeout=TIMEOUT, backlog=BACKLOG
        )


ADAPTER = Twisted()
