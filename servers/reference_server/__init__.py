"""The reference server: a WSGI server that follows PEP 3333, RFC 9110 and RFC 9112 to the letter.

Every case of the catalogue passes on it. Each mutant in tests/reference_server/mutants replaces one
small function of it with a wrong one, and a case must detect that. So its functions are small, and they call each other
through their modules. It uses the standard library alone and imports nothing else of wsgi_gauntlet: the adapter copies
this package into the folder of the server.

    parsing.py         the lines of a request     framing.py       where its body ends
    stream.py          the bytes of a connection  input_stream.py  wsgi.input
    environ.py         environ                    gateway.py       the call of the app
    response.py        the lines of a response    file_wrapper.py  wsgi.file_wrapper
    server.py          connections and workers    tls_connection.py  TLS
    command_line.py    its options
"""
