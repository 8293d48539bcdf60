"""B5: buystream on PostgresLog: `buystream up` with everything that it runs, on the PostgreSQL that B1 runs on."""

from collections.abc import Callable
from functools import lru_cache

from bench.load import Load, drive, require_wrk, write_lines
from bench.measuring import BenchError, Measured
from bench.shop_process import RunningShop, start_up
from bench.stage import PARTITIONS, Stage
from buystream.log.postgres import PostgresLog
from buystream.secret_versions import open_root

STOCK = 100_000_000
EDITIONS = 1_000
REPEATS = 5
IN_MEMORY = "counted in memory, told to the log once a second; an id that was refused is never used"

Supply = Callable[[], RunningShop]


@lru_cache(maxsize=1)
def on_postgres(stage: Stage) -> RunningShop:
    """One for all variants; it ends with the stage."""
    stage.callback(on_postgres.cache_clear)
    dsn = stage.postgres.dsn
    front = start_up(stage.folder / "shop", {"BUYSTREAM_SECRET_KEY": stage.secret.decode()}, stage)
    log = PostgresLog(dsn, partitions=PARTITIONS)
    stage.callback(log.close)
    return RunningShop(front, log, dsn, buyers=stage.tokens("shop", open_root(dsn, stage.secret)))


class Shop:
    """One way of loading a shop."""

    def __init__(
        self,
        stage: Stage,
        supply: Supply,
        *,
        name: str,
        title: str,
        durability: str,
        connections: int = 256,
        editions: int = 1,
        sold_out: bool = False,
        repeats: int = 0,
        best_of: str = "",
    ) -> None:
        self.name, self.best_of = name, best_of
        self.title = f"{title}, {connections} connections"
        self.durability = IN_MEMORY if sold_out else durability
        self._stage = stage
        self._supply = supply
        self._connections = connections
        self._editions = editions
        self._sold_out = sold_out
        self._repeats = repeats

    def prepare(self) -> None:
        """The shop with something on sale, or sold out."""
        require_wrk()
        self._shop = self._supply()
        editions = self._shop.release(self._editions, stock=1 if self._sold_out else STOCK)
        self.load = Load(
            url=f"{self._shop.url}/v1/orders",
            tokens=self._shop.buyers,
            editions=write_lines(self._stage.folder / f"{self.name}.editions", editions),
            connections=self._connections,
            repeats=self._repeats,
            refused=self._sold_out,
        )
        drive(self.load, 1)
        self._shop.wait_for_views()

    def round(self, seconds: float) -> Measured:
        """Load it, then wait until the views show what was sold: the next contender has the machine for itself."""
        self._stage.checkpoint()
        before = self._shop.answers()
        measured = drive(self.load, seconds)
        after = self._shop.answers()
        behind_seconds = self._shop.wait_for_views()
        if behind_seconds is not None:
            measured.facts["views_behind_s"] = round(behind_seconds, 2)
        counted = {code: after[code] - before.get(code, 0) for code in after if after[code] != before.get(code, 0)}
        measured.facts |= {f"status_{code}": count for code, count in counted.items()}
        self._check(counted)
        return measured

    def close(self) -> None:
        """The shop ends with the stage."""

    def _check(self, counted: dict[str, float]) -> None:
        expected = {"409"} if self._sold_out else {"200", "201"} if self._repeats else {"201"}
        if set(counted) != expected:
            raise BenchError(f"the shop counted {counted}")


def variants(stage: Stage, supply: Supply, *, name: str, title: str, durability: str) -> list[Shop]:
    """One hot edition, many editions, buyers who tap twice, and a sold-out edition."""

    def variant(suffix: str, how: str, **options: int | bool | str) -> Shop:
        return Shop(
            stage,
            supply,
            name=f"{name} {suffix}",
            title=f"{title}, {how}",
            durability=durability,
            **options,  # type: ignore[arg-type]
        )

    return [
        variant("c64", "one hot edition", connections=64, best_of=name),
        variant("c256", "one hot edition", best_of=name),
        variant("many", f"{EDITIONS:,} editions", editions=EDITIONS),
        variant("repeats", "20 % repeats", repeats=REPEATS),
        variant("soldout", "sold out", sold_out=True),
    ]


def contenders(stage: Stage) -> list[Shop]:
    """All variants."""
    return variants(
        stage,
        lambda: on_postgres(stage),
        name="B5",
        title="buystream on PostgreSQL",
        durability="each order: fsync of its command, then of its event, before its answer; batched while busy",
    )
