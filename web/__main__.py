"""`python -m web`: inbox, loopback push gateway and codec server, for the embedded stack, until a signal ends them.

Configured by DATABASE_URL, SOJOURN_INBOX_TOKEN, SOJOURN_PUSH_GATEWAY_KEY_ID, SOJOURN_PUSH_GATEWAY_SECRET and
SOJOURN_WEB_PORT; with SOJOURN_PAYLOAD_KEYS by SOJOURN_CODEC_TOKENS and SOJOURN_CODEC_ORIGIN, too.
Exit code 2 if it cannot run.
"""

from __future__ import annotations

import logging
import sys
from contextlib import closing

from errors import SojournError
from logs import quieten_libraries
from settings import load_settings
from web.app import COULD_NOT_RUN, embedded_app
from web.server import LOOPBACK, listen, server

INTERRUPTED = 130


def main() -> int:
    """Serve until a signal; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    quieten_libraries()
    try:
        settings = load_settings()
        application = embedded_app(settings)
        with closing(listen(settings.web_port)) as listener:
            address = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
            sys.stdout.write(f"Pushes: {address}/pushes   Inbox: {address}/customers/ID/inbox\n")
            sys.stdout.flush()
            serving = server(application)
            serving.run(sockets=[listener])
            return INTERRUPTED if serving.interrupted else 0
    except SojournError as error:
        sys.stderr.write(f"error: {error}\n")
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit:
        # The server leaves this way when the application does not start; why has been logged.
        return COULD_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
