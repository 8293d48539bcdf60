"""The payment provider of the tests. Stripe itself can't be reached from here, so:

- `localstripe` (a process) keeps customers, payment methods, intents, charges and refunds;
- the `wall` (a thread of the test) stands in front of it, adds what it lacks by Stripe's documentation, sends the
  webhooks, and misbehaves by a seeded `plan`;
- `stripe-mock` (a process) checks each request's shape against Stripe's published API, and remembers nothing."""
