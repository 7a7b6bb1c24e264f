"""Twisted Web's WSGIResource: one thread for the sockets and a pool for the app. https://docs.twisted.org"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Launch,
    distribution_version,
    no_option_for,
    pip_install_command,
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
"""twisted.python.threadpool.ThreadPool; `twist web --wsgi` makes one with this default (twisted/web/tap.py)."""
TIMEOUT = 60
"""twisted.web.http._REQUEST_TIMEOUT: the longest silence of a connection in seconds, in a request or between two."""
BACKLOG = 50
"""The default of the endpoint, twisted.internet.endpoints.TCP4ServerEndpoint."""


class Twisted(Adapter):
    """The server of `twist web --wsgi`, started by a script: that command has no option for threads or time-outs."""

    name = "twisted"
    title = "Twisted Web"
    distribution = "twisted"
    requires = ("twisted[tls]",)
    environ_support = "in the environment of its process; WSGIResource has no option for environ"

    def supports(self, launch: Launch) -> str:
        """Reject several workers, different time-outs, TLS without pyOpenSSL, and Unix sockets.

        On a Unix socket every response fails: _WSGIResponse needs the port of the address (twisted/web/wsgi.py).
        """
        asked = launch.settings
        if asked.tls and not distribution_version(launch.python, "pyopenssl"):
            return (
                f"twisted speaks TLS with pyOpenSSL, which is not installed for {launch.python}; "
                f"get it with: {pip_install_command(launch.python, 'twisted[tls]')}"
            )
        return no_option_for(
            self.name, unix_sockets=launch.address.path, more_than_one_worker=(asked.workers or 1) > 1
        ) or script_server.single_timeout_reason(self.name, asked)

    def command(self, launch: Launch) -> Command:
        """Return the script."""
        asked = launch.settings
        certificate, key = script_server.identity(launch)
        timeout = script_server.single_timeout(asked)
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
        """Return its settings with its defaults."""
        return script_server.single_timeout_conditions(launch, threads=THREADS, timeout=TIMEOUT, backlog=BACKLOG)


ADAPTER = Twisted()
