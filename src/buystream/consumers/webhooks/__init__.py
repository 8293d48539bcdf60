"""Webhooks: every event that a merchant may read is sent to the addresses that it named, as Standard Webhooks 1.0 says
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, docs/decisions/0049)."""
