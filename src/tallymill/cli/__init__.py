"""The command line: one file a command, joined in `main`.

Commands parse, call, and print. What they print is cleaned here, what they mean is
decided in the rooms or by the server that they call over HTTP.
"""
