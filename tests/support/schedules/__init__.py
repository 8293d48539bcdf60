"""Random schedules of payments: small shops' lives before a provider that misbehaves, each made from its seed.

Many lives share one shop (`wave.py`): a log in PostgreSQL, a decider and a payments consumer as processes that are
killed in the middle, the webhook route, and the wall. At the end two books are compared to the cent (`books.py`)."""
