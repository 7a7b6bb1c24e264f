"""wsgi-gauntlet tests WSGI servers. The public imports are this module, `adapters` and `target`."""

from pkgutil import extend_path

__version__ = "0.1.0"

__path__ = extend_path(__path__, __name__)  # other distributions may add modules to this package
