"""`tallymill watch` as a process, and events for it to see."""

import os
import subprocess
import sys
import threading

AT = "2019-10-04T01:52:07-03:00"


class Watch:
    """The command, its lines collected as they come."""

    def __init__(self, product, *options):
        command = [sys.executable, "-m", "tallymill", "watch", "--url", product.url]
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        self.out, self.err = [], []
        self._threads = [
            threading.Thread(
                target=lambda to=to, of=of: to.extend(iter(of.readline, ""))
            )
            for to, of in (
                (self.out, self.process.stdout),
                (self.err, self.process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def send(product, *datas, **more):
    stream = more.pop("stream", "events")
    events = [{"timestamp": AT, "data": data, **more} for data in datas]
    product.post(f"/events?stream={stream}", events)
