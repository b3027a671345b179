"""The page of the push gateway: what reached the phones, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jinja2

_PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width">
<title>Sojourn: pushes</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
  li { list-style: none; border: 1px solid #d8dee8; border-radius: 8px; padding: .6rem .9rem; margin: .6rem 0; }
  ul { padding: 0; } p { margin: .2rem 0; } small { color: #5b6675; } small span { margin-right: .8rem; }
</style>
</head>
<body>
<h1>Pushes at the loopback gateway</h1>
<p>{{ accepted }} taken, {{ repeated }} asked again and shown once. The newest {{ pushes | length }} are below.</p>
<ul>
{%- for push in pushes %}
<li>
  <strong>{{ push["title"] }}</strong>
  <p>{{ push["body"] }}</p>
  <small><span>{{ push["customer_id"] }}</span> <span>{{ push["template"] }}</span> <span>{{ push["class"] }}</span>
  <time>{{ push["received_at"] }}</time></small>
</li>
{%- else %}
<li>Nothing yet.</li>
{%- endfor %}
</ul>
</body>
</html>
""")


def pushes_page(pushes: Sequence[Mapping[str, object]], accepted: int, repeated: int) -> str:
    """The whole page, with every text of a push escaped; it loads itself again every 5 seconds."""
    return _PAGE.render(pushes=pushes, accepted=accepted, repeated=repeated)
