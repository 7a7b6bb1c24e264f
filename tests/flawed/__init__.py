"""Servers with one flaw each, whose answer under load is known by construction. `sound` is the same without any.

As command templates, for whoever stands in tests/ (tests themselves have adapter.py):

    {python} -m flawed.sound {host} {port} {app}
    {python} -m flawed.slots {host} {port} THREADS {app}            N* is THREADS
    {python} -m flawed.loses {host} {port} K never|cut {app}        goodput is 1 - 1/K
    {python} -m flawed.delays {host} {port} K MILLISECONDS {app}    p99 is MILLISECONDS for K up to 50
    {python} -m flawed.stalls {host} {port} AFTER SECONDS {app}     one pause for everybody
    {python} -m flawed.takes {host} {port} SLOTS MILLISECONDS {app} capacity is SLOTS / MILLISECONDS
    {python} -m flawed.throttles {host} {port} PAGES BEFORE AFTER MILLISECONDS {app}    SLOTS are fewer after so many
    {python} -m flawed.stuck {host} {port} CONNECTIONS {app}        wedged by that many at once
    {python} -m flawed.limits {host} {port} CONNECTIONS {app}       so many are open at a time, the others wait
    {python} -m flawed.leaks {host} {port} {app}                    one descriptor for each client that goes too early
    {python} -m flawed.never_closes {host} {port} {app}             the app's close() is never called
    {python} -m flawed.drops_on_reload {host} {port} SECONDS {app}  SIGHUP: requests under way and SECONDS are lost
    {python} -m flawed.cuts_on_reload {host} {port} MILLISECONDS {app}   SIGHUP: pages under way are lost, and counted
    {python} -m flawed.never_replaces {host} {port} WORKERS {app}   a worker that has died is missing from then on
    {python} -m flawed.disorders {host} {port} {app}                pipelined requests are answered out of order
    {python} -m flawed.nagle {host} {port} {app}                    kept connections wait 40 ms for a delayed ACK
    {python} -m flawed.wrong_body {host} {port} K {app}             every K-th page is somebody else's
    {python} -m flawed.swaps {host} {port} K {app}                  of K pages two are each other's
    {python} -m flawed.closes {host} {port} said|silent {app}       no connection is kept
    {python} -m flawed.half_hearted {host} {port} K {app}           every K-th connection gets one answer and no more

K counts pages only, from the first after the warm-up's (`sound.WARM`).
"""
