"""The one composition root: which part is given which. A shop may be one command (`shop`): the gateway in its main
thread, the deciders in workers, the rest in a second process, over an embedded PostgreSQL or one of your own, its log
there or on Kafka. Or each part is a process of its own: `buystream.roles`.

What only some processes need (Kafka's clients, Stripe's library, the web framework) is imported where it is used: every
command of the command line would wait for it."""
