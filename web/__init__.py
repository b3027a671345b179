"""What is served over HTTP: the inbox that the App reads, what providers send receipts to, the codec server that
Temporal's UI asks, and the push gateway of the embedded stack.

    inbox.py     the App/PC inbox            gateway.py   the loopback push gateway and its page
    codec.py     the codec server            page.py      what the gateway got, for people
    receipts.py  what providers tell later
    app.py       the applications
    bearer.py    who may come in             problems.py  errors as JSON
    server.py    an application on a socket  port.py      which port

`python -m web` serves all on loopback for the embedded stack. In production inbox, receipts and codec server are
served each alone, by any ASGI server behind the broker's own TLS: `uvicorn --factory web.app:inbox`,
`… web.app:receipts`, `… web.app:codec`.
"""
