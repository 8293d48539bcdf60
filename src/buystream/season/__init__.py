"""A season to work on: concerts, a cup final, a charity day and a shop, made up from a seed and written to an empty log
by the shop's own deciding code. Everything follows from the seed, so it is alike each time."""
