"""Small WSGI apps. The best way to serve each one is known by construction.

Each is served as `known_apps.NAME:app` in tests/. NAME.toml has its traffic. The standard library is all they need.

    cpu_bound        about 5 ms of CPU time in Python: more workers than cores gain nothing, threads gain nothing
    waits_50_ms      each page waits 50 ms for somebody else: N threads serve at most N / 50 ms
    holds_lock       one page at a time, in all processes: 20 ms each, so at most 50 pages a second, on every server
    leaks_memory     each page leaves 64 KB behind, up to 256 MB in a process
    mixes_up_users   a user can see the page of another one, if a process serves two requests at a time
    slow_uploads     reads uploads: a slow client holds a thread, unless something in front of the app buffers

Each module has a function `create_app` with these figures as its parameters.
"""
