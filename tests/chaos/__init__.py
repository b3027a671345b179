"""Workers that are killed while they send, with providers that lose answers: nobody gets anything twice.

python -m tests.chaos      the long run        run.py        customers, workers, and what must be true at the end
provider.py   two providers outside            worker.py     a worker that kills itself on demand
journey.py    what the customers go through
"""
