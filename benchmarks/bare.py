"""The ceilings: handlers as plain as they can be, on the same HTTP server.

`events` reads the body, decodes it into the typed list, appends it to a file with
`fdatasync`, and answers. `nothing` reads the body and answers.

    python benchmarks/bare.py events 18000 FOLDER
"""

import os
import sys
from pathlib import Path

import msgspec
import uvicorn

from tallymill.events.model import Event

FLAGS = os.O_CREAT | os.O_WRONLY | os.O_APPEND


def handler(kind: str, folder: Path):
    """Return the ASGI application of that name."""
    decode = msgspec.json.Decoder(list[Event]).decode
    file = os.open(folder / "log", FLAGS)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        parts = []
        while True:
            message = await receive()
            parts.append(message["body"])
            if not message.get("more_body"):
                break
        body = b"".join(parts)
        count = 1
        if kind == "events":
            count = len(decode(body))
            os.write(file, body)
            os.fdatasync(file)
        answer = b'{"accepted":%d}' % count
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


if __name__ == "__main__":
    uvicorn.run(
        handler(sys.argv[1], Path(sys.argv[3])),
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
