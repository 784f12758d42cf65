import json
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime

URL = "http://127.0.0.1:8000/events?stream=picture"
TRIES = 8


def send(events):
    """Send events once; return how many are stored now."""
    body = json.dumps(events).encode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": uuid.uuid4().hex,  # the same in each try
    }
    for attempt in range(TRIES):
        request = urllib.request.Request(URL, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["accepted"]
        except urllib.error.HTTPError as error:
            if error.code not in (502, 503, 504):
                sys.exit(error.read().decode())  # what is wrong, and where
            wait_s = float(error.headers.get("Retry-After", 1))
        except OSError:  # refused, cut off, too slow
            wait_s = 1
        time.sleep(random.uniform(wait_s, wait_s * 2**attempt))
    sys.exit("The server is away; the events are not stored.")


now = datetime.now(UTC).isoformat()
print(send([{"timestamp": now, "data": {"weight": 1500}}]), "stored")
