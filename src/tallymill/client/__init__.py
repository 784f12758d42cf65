"""The interactive client: choose accounts, see their events, miss none.

`dialogue`, `selection` and `lines` decide, and know neither terminal nor network;
`follower` talks to servers, `screen` and `pipe` to people, `state` to the disk, and
`session` joins them. `cli/client.py` reads the options.
"""
