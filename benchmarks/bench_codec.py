"""The codec beside its ceiling, the bare decoder, in one run: medians and ratios.

    python benchmarks/bench_codec.py [ROUNDS]

The rounds of all cases are interleaved, so that a slow moment of the machine hits
every case alike.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tallymill.events.cloudevents import decode_cloudevents
from tallymill.events.codec import decode_block, decode_events, encode_events
from tallymill.events.model import Event
from tallymill.events.ndjson import decode_ndjson
from tallymill.events.sharding import split
from tallymill.kernel.errors import Refused

COUNT = 12_500
NOW = datetime(2026, 11, 21, tzinfo=UTC)
WHEN = '{"timestamp":"2019-10-04T01:52:07-03:00","data":'
CLOUD = '{"specversion":"1.0","source":"/c","type":"t","id":"'


def array_of(event: str) -> bytes:
    return f"[{','.join([event] * COUNT)}]".encode()


def refused(body: bytes) -> Refused | None:
    try:
        decode_events(body)
    except Refused as error:
        return error
    return None


def cases() -> dict[str, Callable[[], object]]:
    bare = msgspec.json.Decoder(list[Event]).decode
    small = array_of(f"{WHEN}12312}}")
    words = array_of(f'{WHEN}"größe 12"}}')
    objects = array_of(f'{WHEN}{{"a":"{"x" * 190}"}}}}')
    nested = array_of(f"{WHEN}[{'[1,{}],' * 50}0]}}")
    about = array_of(f'{WHEN}12312,"subject":"account-17"}}')
    offsetless = array_of(WHEN.replace("-03:00", "") + "1}")
    lines = small[1:-1].replace(b"},", b"}\n")
    cloud = array_of(f'{CLOUD}1","time":"2019-10-04T01:52:07Z","data":12312}}')
    events, with_subject = decode_events(small), decode_events(about)
    payload = encode_events(events)
    return {
        "small: bare": lambda: bare(small),
        "small: decode_events": lambda: decode_events(small),
        "small: decode_ndjson": lambda: decode_ndjson(lines),
        "small: encode_events": lambda: encode_events(events),
        "small: decode_block": lambda: decode_block(payload),
        "small: split": lambda: split(events, 5, single=None, turn=1),
        "small: cloudevents batch": lambda: decode_cloudevents(cloud, arrived_at=NOW),
        "small: every event refused": lambda: refused(offsetless),
        "subject: bare": lambda: bare(about),
        "subject: decode_events": lambda: decode_events(about),
        "subject: split": lambda: split(with_subject, 5, single=None, turn=1),
        "not ascii: bare": lambda: bare(words),
        "not ascii: decode_events": lambda: decode_events(words),
        "200-byte object: bare": lambda: bare(objects),
        "200-byte object: decode_events": lambda: decode_events(objects),
        "100 brackets: bare": lambda: bare(nested),
        "100 brackets: decode_events": lambda: decode_events(nested),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    taken: dict[str, list[float]] = {}
    todo = cases()
    for _ in range(rounds):
        for name, call in todo.items():
            start = time.perf_counter()
            call()
            taken.setdefault(name, []).append(time.perf_counter() - start)
    print(f"{COUNT} events, {rounds} rounds; median ms, M events/s, ratio to bare")
    for name, times in taken.items():
        middle = statistics.median(times)
        ceiling = statistics.median(taken[f"{name.partition(':')[0]}: bare"])
        print(
            f"{name:32} {middle * 1e3:8.3f} {COUNT / middle / 1e6:7.2f}"
            f" {middle / ceiling:7.2f}"
        )


if __name__ == "__main__":
    main()
