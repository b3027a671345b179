"""What is served over HTTP: the inbox that the App reads, and the push gateway of the embedded stack.

    inbox.py     the App/PC inbox            gateway.py   the loopback push gateway and its page
    app.py       the applications            page.py      what the gateway got, for people
    bearer.py    who may come in             problems.py  errors as JSON
    server.py    an application on a socket  port.py      which port

`python -m web` serves both on loopback for the embedded stack. In production the inbox is served alone, by any
ASGI server behind the broker's own TLS: `uvicorn --factory web.app:inbox`.
"""
