"""Servers with one fault each. Their result under load is known by construction. `correct` has no fault.

Each runs as `{python} -m known_servers.NAME {host} {port} ARGUMENTS {app}` in tests/. Tests use adapter.py.
NAME and ARGUMENTS:

    correct
    thread_per_connection THREADS                         N* is THREADS
    loses_pages K never|cut                               goodput is 1 - 1/K
    delays_pages K MILLISECONDS                           p99 is MILLISECONDS for K up to 50
    stalls_once AFTER SECONDS                             one pause for everybody
    fixed_service_time SLOTS MILLISECONDS [EVERY]         capacity is SLOTS / MILLISECONDS * EVERY
    throttles PAGES BEFORE AFTER MILLISECONDS             SLOTS are fewer after so many
    hangs_when_full CONNECTIONS                           blocked by that many at once
    limits_connections CONNECTIONS                        so many are open at a time, the others wait
    leaks_descriptors                                     one descriptor for each client that goes too early
    never_calls_close                                     the app's close() is never called
    stops_listening_on_reload SECONDS                     SIGHUP: requests under way and SECONDS are lost
    kills_requests_on_reload MILLISECONDS                 SIGHUP: pages under way are lost, and counted
    recycles WORKERS PAGES LOST                           replaces a worker after PAGES, resets LOST connections
    stops HOW                                             SIGTERM: finishes|drops|never|waits-for-idle
    never_replaces_workers WORKERS                        a worker that has died is missing from then on
    reorders_pipeline                                     pipelined requests are answered out of order
    nagle_delay                                           kept connections wait 40 ms for a delayed ACK
    corrupts_pages K                                      every K-th page is somebody else's
    swaps_responses K                                     of K pages two are each other's
    closes_connections said|silent                        no connection is kept
    answers_once_per_connection K                         every K-th connection gets one answer and no more

K counts pages only, from the first after the warm-up's (`correct.WARM`).
"""
