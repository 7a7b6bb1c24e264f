"""wsgi-gauntlet tests WSGI servers. The public imports are this module, `adapters` and `target`."""

import os
import sys

__version__ = "0.2.0"
"""The only place of the version. A version with .dev belongs to the section [Unreleased] of CHANGELOG.md."""

# Other distributions may add modules to this package. pkgutil.extend_path does the same, but pytest loads this module.
_places = (os.path.join(each, __name__) for each in sys.path if each)  # noqa: PTH118 - pathlib takes too long to load
__path__ = [*__path__, *(each for each in _places if each not in __path__ and os.path.isdir(each))]  # noqa: PTH112
