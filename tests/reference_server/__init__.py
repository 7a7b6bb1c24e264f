"""The reference server: a WSGI server that keeps PEP 3333, RFC 9110 and RFC 9112 to the letter. For tests only.

Every case of the catalogue must pass here, and must fail against at least one of the faults in `faults`, each of which
replaces one small function of the reference server by a wrong one. So its functions are small, and call each other
through their modules. Standard library only; nothing here imports wsgi_gauntlet (but for adapter.py, which runs on the
other side).

    parsing.py   a request's lines         framing.py   where its body ends       stream.py   the connection's bytes
    message.py   an answer's lines         gateway.py   the call of the app       intake.py   wsgi.input
    environ.py   what the app sees         serving.py   connections, workers      wrapper.py  wsgi.file_wrapper
    secrecy.py   TLS
"""
