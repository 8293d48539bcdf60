"""`python -m bench`: the contenders, side by side. `python -m bench extras`: recovery, views, audit, memory. `python -m
bench analysts`: replay, tables and what else analysts wait for. `python -m bench parcels`: ten thousand tracking
numbers from one file. `python -m bench door`: scanners, and the list on a phone. `python -m bench desk`: a million
orders searched, exported and shown."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from rich.console import Console

from bench import analysts, desk, door, extras, parcels, report
from bench.contenders import all_contenders
from bench.machine import describe
from bench.measuring import Contender
from bench.rounds import Ledger, measure
from bench.stage import Stage

RESULTS = Path(__file__).with_name("results")

QUICK_COMMANDS = 8_000

console = Console(stderr=True, highlight=False)


def main() -> int:
    """The exit status is 1 when a contender failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = _options().parse_args()
    if chosen.what == "extras":
        orders = 5_000 if chosen.quick else chosen.orders
        return extras.run(orders=orders, folder=chosen.folder, quick=chosen.quick, say=console.print)
    if chosen.what == "analysts":
        commands = QUICK_COMMANDS if chosen.quick else chosen.commands
        return analysts.run(commands=commands, folder=chosen.folder, quick=chosen.quick, say=console.print)
    if chosen.what == "door":
        return door.run(folder=chosen.folder, quick=chosen.quick, say=console.print)
    if chosen.what == "parcels":
        orders = 5_000 if chosen.quick else chosen.shop_orders
        return parcels.run(orders=orders, folder=chosen.folder, quick=chosen.quick, say=console.print)
    if chosen.what == "desk":
        orders = 2_000 if chosen.quick else chosen.shop_orders
        return desk.run(orders=orders, folder=chosen.folder, quick=chosen.quick, say=console.print)
    rounds, seconds = (1, 1.0) if chosen.quick else (chosen.rounds, chosen.seconds)
    ledger = Ledger(chosen.folder / "rounds.json", keep=chosen.resume)
    with Stage(quick=chosen.quick) as stage:
        known = all_contenders(stage)
        if chosen.list:
            for contender in known:
                print(f"{contender.name:<20} {contender.title}")
            return 0
        wanted = _wanted(known, chosen.only)
        if chosen.resume:
            wanted = [contender for contender in wanted if not ledger.is_done(contender, rounds)]
        machine = describe(stage.folder)
        measure(wanted, ledger, rounds=rounds, seconds=seconds, say=console.print)
    order = {contender.name: number for number, contender in enumerate(known)}
    results = sorted(ledger.results, key=lambda result: order.get(result.name, len(order)))
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    made = report.report_of(results, machine, [command])
    report.write(made, results, chosen.folder)
    Console(width=None if sys.stdout.isatty() else 180).print(report.table(made, results))
    for name, ratio in made.ratios.items():
        goal = made.goals.get(name)
        print(f"{name:<20} {ratio:8.2f}" + (f"   goal {goal:g}" if goal else ""))
    print(f"written: {chosen.folder}/hot-edition.md, {chosen.folder}/hot-edition.json")
    return 1 if any(result.failure for result in results) else 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument(
        "what", nargs="?", choices=["run", "extras", "analysts", "door", "parcels", "desk"], default="run"
    )
    options.add_argument("--rounds", type=int, default=5, help="how often everybody has a turn")
    options.add_argument("--seconds", type=float, default=6, help="how long a turn lasts")
    options.add_argument("--only", default="", help="names or beginnings of names, separated by commas: B1,B5")
    options.add_argument("--resume", action="store_true", help="keep what was measured, go on with what is missing")
    options.add_argument("--quick", action="store_true", help="one round of a second: does it work, not how fast")
    options.add_argument("--list", action="store_true", help="name the contenders")
    options.add_argument("--folder", type=Path, default=RESULTS, help="where results go [bench/results]")
    options.add_argument("--orders", type=int, default=100_000, help="for extras: how many orders a log has")
    options.add_argument(
        "--shop-orders", type=int, default=1_000_000, help="for parcels and desk: how many orders a shop has"
    )
    options.add_argument("--commands", type=int, default=2_000_000, help="for analysts: how many commands a season has")
    return options


def _wanted(known: list[Contender], only: str) -> list[Contender]:
    starts = [start.strip() for start in only.split(",") if start.strip()]
    wanted = [
        contender
        for contender in known
        if not starts or any(contender.name == start or contender.name.startswith(f"{start} ") for start in starts)
    ]
    if not wanted:
        sys.exit(f"bench: nothing is called {only}; --list tells the names")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
