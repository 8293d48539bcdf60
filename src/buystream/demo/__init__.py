"""A shop to try things in: four sample merchants with an edition each, and a rush without a screen that proves the
promises."""
