"""A transparency log in the C2SP formats (https://c2sp.org): a Merkle tree over the events, its tiles, its signed
checkpoints, and the proofs that others check without trusting the shop. Everything but `stored` is pure."""
