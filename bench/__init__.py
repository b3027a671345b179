"""What it costs: each module measures one thing against the barest way to do it, in the same run.

    python -m bench [NAME…] [--quick]

journeys.py   whole journeys per second      latency.py   from an event to its push      size.py    state and history
events.py     events per second              memory.py    a cached customer              sends.py   the gates
rehearse.py   the paper world

measure.py, report.py, ground.py, child.py    what they have in common
bare.py, handwritten.py, handwritten_books.py    what they measure against
"""
