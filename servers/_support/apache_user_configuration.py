"""A copy of a user's apache2.conf, or of a site, in which addresses, logs and certificates are those of the harness.

One virtual host is served: the first that passes requests to a server behind it. Lines keep their numbers.
https://httpd.apache.org/docs/2.4/configuring.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.adapter import Protocol
from wsgi_gauntlet.servers._support.user_configuration import (
    MAX_FILES,
    NOT_USED,
    Overrides,
    copy_name,
    included_files,
    read_text,
)

REMOVED = frozenset(
    {
        "listen",
        "user",
        "group",
        "pidfile",
        "mutex",
        "errorlog",
        "errorlogformat",
        "customlog",
        "transferlog",
        "globallog",
    }
    | {"serverroot", "defaultruntimedir", "coredumpdirectory", "chrootdir", "scoreboardfile", "lockfile"}
    | {"sslengine", "sslcertificatefile", "sslcertificatekeyfile", "sslcertificatechainfile", "sslcacertificatefile"}
    | {"sslcacertificatepath", "sslcarevocationfile", "sslverifyclient", "sslusestapling", "sslstaplingcache"}
    | {"sslsessioncache", "sslopensslconfcmd", "sslproxyengine", "sslproxyverify", "sslproxycheckpeername"}
    | {"forensiclog", "scriptlog", "rewritelog", "listenbacklog"}
)
"""Directives, in lower case, of the harness: address, user, process, logs and certificates."""

MD_DIRECTIVES = re.compile(r"md[a-z]+|<mdomain(set)?|</mdomain(set)?", re.IGNORECASE)

PASSES = {"proxypass": 1, "proxypassmatch": 1, "proxypassreverse": 1, "balancermember": 0}
"""Directives with an address, and the number of words that may stand before it."""

URL = re.compile(
    r"(?:unix:[^|\s\"]+\|)?(?P<scheme>https?|uwsgi|wss?|h2c?|ajp|fcgi|scgi|balancer)://(?P<host>[^/\s\"]*)(?P<rest>[^\s\"]*)",
    re.IGNORECASE,
)
HANDLER = re.compile(r"proxy:(?P<url>[^\s\"]+)", re.IGNORECASE)

VARIABLES = {
    "APACHE_LOG_DIR": ".",
    "APACHE_RUN_DIR": ".",
    "APACHE_LOCK_DIR": ".",
    "APACHE_PID_FILE": "apache.pid",
    "APACHE_RUN_USER": "www-data",
    "APACHE_RUN_GROUP": "www-data",
}
"""Variables that the start script of Debian sets. They occur in directives that the harness replaces."""

SITE_MODULES = (
    *(
        "alias",
        "auth_basic",
        "authn_core",
        "authn_file",
        "authz_host",
        "authz_user",
        "access_compat",
        "brotli",
        "deflate",
    ),
    *(
        "dir",
        "expires",
        "filter",
        "headers",
        "mime",
        "remoteip",
        "rewrite",
        "setenvif",
        "slotmem_shm",
        "socache_shmcb",
        "ssl",
    ),
    *(
        "proxy_balancer",
        "lbmethod_byrequests",
        "lbmethod_bybusyness",
        "lbmethod_bytraffic",
        "proxy_wstunnel",
        "substitute",
    ),
)
"""Modules that sites often use, loaded if they are installed: a site does not load them itself."""

WORD = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[^\s]+')


@dataclass
class _Line:
    """One directive, with continuation lines: its first line, the number of its lines, its words, its virtual host."""

    file: Path
    first: int
    count: int
    words: list[str]
    host: int
    """The number of the virtual host around it, 0 outside of all."""

    @property
    def name(self) -> str:
        return self.words[0].lower() if self.words else ""

    @property
    def text(self) -> str:
        return " ".join(self.words[1:]).rstrip(">")


@dataclass
class ConfigFile:
    """A file with its lines, and the included files by the number of the line."""

    path: Path
    texts: list[str]
    lines: list[_Line] = field(default_factory=list)
    included: dict[int, list[ConfigFile]] = field(default_factory=dict)


@dataclass(frozen=True)
class Copy:
    """The files of the launch folder, the user's files by their names there, and what was replaced.

    `main` is the name of the copy that includes the others. `full` means that it loads its modules itself.
    """

    files: Mapping[str, str]
    sources: Mapping[str, Path]
    overrides: tuple[ConfigOverride, ...]
    main: str
    full: bool


@dataclass(frozen=True)
class Own:
    """The values of the harness: `authority` is host:port, `url` the server behind without its scheme://, `scheme` it.

    `values` are values of directives in lower case for the list of what was replaced; these directives are removed.
    """

    authority: str
    scheme: str
    url: str
    folder: Path
    values: Mapping[str, str] = field(default_factory=dict)


def load(path: Path) -> ConfigFile:
    """Return the file `path` with the files that it includes. Raises ConfigurationError."""
    counter = [0]
    return _load(path, path.parent, [], 0, counter)


def _load(path: Path, root: Path, parents: list[Path], host: int, counter: list[int]) -> ConfigFile:
    if path in parents or len(parents) > MAX_FILES:
        raise ConfigurationError(f"{path} includes itself; remove the Include")
    made = ConfigFile(path, read_text(path).split("\n"))
    number = 0
    while number < len(made.texts):
        first, text = number, made.texts[number]
        while text.endswith("\\") and number + 1 < len(made.texts):
            number += 1
            text = text[:-1] + made.texts[number]
        number += 1
        words = WORD.findall(text.strip()) if not text.lstrip().startswith("#") else []
        line = _Line(path, first, number - first, words, host)
        if line.name == "<virtualhost":
            counter[0] += 1
            host = line.host = counter[0]
        elif line.name == "</virtualhost>":
            host = 0
        elif line.name == "serverroot" and words[1:]:
            root = Path(_plain(words[1]))
        elif line.name in ("include", "includeoptional") and words[1:]:
            files = included_files(_plain(words[1]), [root, path.parent, Path("/etc/apache2")])
            files = [each for one in files for each in (sorted(one.rglob("*")) if one.is_dir() else [one])]
            made.included[first] = [
                _load(each, root, [*parents, path], host, counter) for each in files if each.is_file()
            ]
        made.lines.append(line)
    return made


def _plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word


def _files(file: ConfigFile) -> list[ConfigFile]:
    return [file, *(inner for files in file.included.values() for each in files for inner in _files(each))]


def _lines(file: ConfigFile) -> list[_Line]:
    return [line for each in _files(file) for line in each.lines]


def _schemes(line: _Line) -> list[str]:
    if line.name not in PASSES and not HANDLER.search(line.text):
        return []
    if line.words[-1] == "!" or line.words[2:3] == ["!"]:
        return []
    return [each["scheme"].lower() for each in URL.finditer(line.text)]


def protocol(file: ConfigFile) -> Protocol:
    """Return the protocol to the server behind it. Raises ConfigurationError if the file does not say."""
    schemes = {each for line in _lines(file) for each in _schemes(line)} - {"balancer", "ws", "wss"}
    if not schemes & {"http", "https", "uwsgi", "h2", "h2c"}:
        raise ConfigurationError(
            f"{file.path}: no virtual host has a ProxyPass to a server behind it; name the file with the site of your "
            "app"
        )
    if "uwsgi" in schemes and len(schemes) > 1:
        raise ConfigurationError(
            f"{file.path} passes requests on with http and uwsgi; wsgi-gauntlet starts one server behind Apache: keep "
            "one of them"
        )
    return Protocol.UWSGI if "uwsgi" in schemes else Protocol.HTTP


def copy(file: ConfigFile, own: Own) -> Copy:
    """Return the files for a launch. Raises ConfigurationError."""
    protocol(file)
    every = _lines(file)
    hosts_with_pass = {line.host for line in every if _schemes(line)}
    served = min(hosts_with_pass - {0}, default=0)
    over = Overrides("apache")
    files, sources = {}, {}
    names: dict[int, str] = {}
    groups = {
        id(each): f"{number}-{first}/"
        for number, one in enumerate(_files(file))
        for first, inner in one.included.items()
        for each in inner
    }
    for number, each in enumerate(_files(file)):
        names[id(each)] = copy_name(number, each.path, groups.get(id(each), ""))
        sources[names[id(each)]] = each.path
    for each in _files(file):
        texts = list(each.texts)
        for line in each.lines:
            new = _replacement(line, each, own, served, over, names)
            if new is not None:
                texts[line.first : line.first + line.count] = [new, *[""] * (line.count - 1)]
        files[names[id(each)]] = "\n".join(texts)
    full = any(line.name in ("loadmodule", "serverroot") for line in every)
    return Copy(files, sources, over.found, names[id(file)], full)


def _replacement(
    line: _Line, file: ConfigFile, own: Own, served: int, over: Overrides, names: Mapping[int, str]
) -> str | None:
    """Return the new text of a directive, None if it stays."""
    if line.name in ("include", "includeoptional"):
        found = file.included.get(line.first, [])
        missing = not found and line.name == "include" and not set("*?[") & set(line.text)
        if not found:
            return None if missing else ""
        return f'Include "{own.folder}/{names[id(found[0])].rpartition("/")[0]}/*"'
    if line.name == "<virtualhost":
        is_served = line.host == served
        over.add("VirtualHost", line.text, own.authority if is_served else "not served")
        # Nobody listens on port 1, so that the other hosts get no request.
        return f"<VirtualHost {own.authority if is_served else '127.0.0.1:1'}>"
    if line.name in REMOVED or line.name in own.values or MD_DIRECTIVES.match(line.words[0] if line.words else ""):
        over.add(line.words[0], line.text, own.values.get(line.name, NOT_USED))
        return ""
    if line.name == "loadmodule" and len(line.words) > 2:
        return _load_module(line, file.path)
    if schemes := _schemes(line):
        if set(schemes) <= {"balancer"}:
            return None
        new = URL.sub(
            lambda url: url[0] if url["scheme"].lower() == "balancer" else _url(url, own), " ".join(line.words)
        )
        over.add(line.words[0], line.text, new.partition(" ")[2].rstrip(">"))
        return new
    return None


def _url(url: re.Match[str], own: Own) -> str:
    scheme = url["scheme"].lower() if url["scheme"].lower() in ("ws", "wss") else own.scheme
    before, bar, target = own.url.rpartition("|")
    return f"{before}{bar}{scheme}://{target}{url['rest']}"


def _load_module(line: _Line, path: Path) -> str | None:
    file = Path(_plain(line.words[2]))
    if file.is_absolute():
        absolute = file
    else:
        folders = (path.parent, Path("/usr/lib/apache2"), Path("/etc/httpd"), Path("/usr/local/apache2"))
        absolute = next((each / file for each in folders if (each / file).is_file()), path.parent / file)
    # The harness loads some modules itself. Apache only warns about a second time.
    return f'LoadModule {line.words[1]} "{absolute}"'


def number(file: ConfigFile, name: str) -> int | None:
    """Return the last value of a directive, None if the file has none or it is no number."""
    found = [line.words[1] for line in _lines(file) if line.name == name.lower() and len(line.words) > 1]
    return int(found[-1]) if found and found[-1].isdigit() else None
