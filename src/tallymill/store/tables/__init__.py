"""Tables, a file for each room, on one MetaData. Times are INTEGER microseconds, UTC."""
