"""The web server: reads whole requests with deadlines, and only then lets a thread work on one.

A WSGI server for one machine's processes. One thread of each process reads and writes for all
connections and never waits for any of them; the WSGI application runs in pools of threads. So who
sends slowly, or reads slowly, occupies a socket and nothing else. It knows nothing of Django.
"""
