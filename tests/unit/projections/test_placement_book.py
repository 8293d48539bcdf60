"""However many sources a stranger makes up, an edition keeps a bounded number apart, and those that sold stay."""

from buystream.projections.placement_book import OTHER_NUMBER, PLACEMENTS_MAX, Entry, PlacementBook, PlacementTally
from buystream.vocabulary.placements import Placement

CLICK = PlacementTally(clicks=1, held=1)
PAID = PlacementTally(paid=1)
SEEN = PlacementTally(impressions=1)


def named(name: object) -> Placement:
    return Placement(source=f"s{name}")


def click(book: PlacementBook, name: object, tally: PlacementTally = CLICK) -> int:
    number = book.number_of(named(name), is_held=tally is not SEEN)
    book.add(number, tally)
    return number


def full(tally: PlacementTally = CLICK) -> PlacementBook:
    book = PlacementBook()
    for name in range(PLACEMENTS_MAX):
        click(book, name, tally)
    return book


def sums(book: PlacementBook) -> PlacementTally:
    total = PlacementTally()
    for entry in book.changed():
        total.add(entry.tally)
    return total


def test_a_placement_keeps_its_number() -> None:
    book = PlacementBook()
    assert click(book, "a") == click(book, "a") == 2
    assert click(book, "b") == 3
    assert book.number_of(None, is_held=True) == 0
    assert book.number_of(Placement(source="other"), is_held=True) == OTHER_NUMBER


def test_a_million_made_up_sources_are_bounded_and_nothing_is_lost() -> None:
    book = PlacementBook()
    for name in range(5_000):
        click(book, name)
    entries = list(book.changed())
    assert len(entries) == PLACEMENTS_MAX + 1
    assert entries[0].placement == Placement(source="other")
    assert sums(book).clicks == 5_000


def test_what_sold_is_never_displaced() -> None:
    book = PlacementBook()
    poster = click(book, "poster")
    book.add(poster, PAID)
    for name in range(1_000):
        click(book, name)
    assert book.current(poster) == poster
    assert click(book, "poster") == poster


def test_when_all_have_sold_a_new_one_is_counted_with_the_others() -> None:
    book = full()
    for number in range(2, PLACEMENTS_MAX + 2):
        book.add(number, PAID)
    assert click(book, "late") == OTHER_NUMBER


def test_the_one_with_the_fewest_clicks_makes_room_and_is_found_among_the_others() -> None:
    book = full()
    for name in range(PLACEMENTS_MAX):
        if name != 7:
            click(book, name)
    displaced = book.number_of(named(7), is_held=True)
    assert click(book, "new") == PLACEMENTS_MAX + 2
    assert book.current(displaced) == OTHER_NUMBER
    assert book.displaced == {displaced}


def test_being_seen_displaces_nobody_who_was_clicked_on() -> None:
    assert click(full(), "seen", SEEN) == OTHER_NUMBER
    assert click(full(SEEN), "seen", SEEN) == PLACEMENTS_MAX + 2


def test_a_number_is_never_given_twice() -> None:
    book = full()
    book.add(2, PAID)
    click(book, "new")
    kept = [Entry(one.number, one.placement, one.tally) for one in book.changed()]
    again = PlacementBook(kept, last_number=book.last_number)
    assert click(again, "newer") == PLACEMENTS_MAX + 3
