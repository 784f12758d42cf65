"""Refusing a WebSocket: the problem that a request would get, as the handshake's answer.

ASGI's extension "Websocket Denial Response". Who calls: `front`.
"""

from tallymill.web.asgi import Message, Send


class Refusing:
    """A `send` for HTTP answers on a WebSocket that is not accepted."""

    __slots__ = ("_send",)

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        await self._send({**message, "type": f"websocket.{message['type']}"})
