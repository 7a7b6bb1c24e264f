"""What stands at the end of the commands' help: exit codes, and how servers and targets are named."""

from __future__ import annotations

EXIT_CODES_HELP = """
\b
Exit codes:
  0    everything as expected
  1    a case failed, or a threshold was broken; with a baseline: a case failed or
       passed that the baseline does not expect to
  2    the call or the configuration cannot be; or a server cannot do what its name
       says, as wsgiref[tls]; or nothing of what was asked is there to be judged
  3    a measurement is invalid: the generator or this machine could not keep
       up; or all figures are inconclusive
  4    trouble: a server did not start, the disk is full, a fault of ours
  130  interrupted; what was measured is kept and reported
"""

SERVER_NAMES_HELP = """
\b
SERVER is a name as `wsgi-gauntlet servers` lists them:
  gunicorn   gunicorn:gthread   gunicorn[workers=4,threads=2]   gunicorn@27.0.1
  nginx+gunicorn:sync   nginx+uwsgi   ./my_adapter.py
"""


REMOTE_SERVER_HELP = """
\b
URL is http://HOST:PORT[/prefix], http+unix://%2Fpath[/prefix] or unix:/path. That server is
loaded only if it proves that it serves the reference app with your token, before each scenario:
  export WSGI_GAUNTLET_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')
  gunicorn wsgi_gauntlet.target:application      (or see `target-app`)
  wsgi-gauntlet load --target http://127.0.0.1:8000
"""
