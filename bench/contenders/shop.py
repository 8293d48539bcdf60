"""B5: buystream on PostgresLog: `buystream up` with everything in one process, on the PostgreSQL that B1 runs on."""

from functools import lru_cache

from bench.load import Load, drive, require_wrk, write_lines
from bench.measuring import BenchError, Measured
from bench.shop_process import ShopProcess
from bench.stage import Stage

STOCK = 100_000_000
EDITIONS = 1_000
REPEATS = 5


@lru_cache(maxsize=1)
def the_shop(stage: Stage) -> ShopProcess:
    """One for all variants; it ends with the stage."""
    shop = ShopProcess(stage.secret, stage.folder / "shop", stage.postgres.dsn)
    stage.callback(the_shop.cache_clear)
    stage.callback(shop.close)
    return shop


class Shop:
    """One way of loading it."""

    durability = "each order: fsync of its command, then of its event, before its answer; batched while busy"

    def __init__(
        self,
        stage: Stage,
        *,
        name: str,
        title: str,
        connections: int,
        editions: int = 1,
        sold_out: bool = False,
        repeats: int = 0,
        best_of: str = "",
    ) -> None:
        self.name, self.best_of = name, best_of
        self.title = f"buystream on PostgreSQL, {title}, {connections} connections"
        self._stage = stage
        self._connections = connections
        self._editions = editions
        self._sold_out = sold_out
        self._repeats = repeats
        if sold_out:
            self.durability = "counted in memory, told to the log once a second; an id that was refused is never used"

    def prepare(self) -> None:
        """The shop with something on sale, or sold out."""
        require_wrk()
        self._shop = the_shop(self._stage)
        editions = self._shop.release(self._editions, stock=1 if self._sold_out else STOCK)
        load = Load(
            url=f"{self._shop.url}/v1/orders",
            tokens=self._stage.buyers,
            editions=write_lines(self._stage.folder / f"{self.name}.editions", editions),
            connections=self._connections,
            repeats=self._repeats,
            refused=self._sold_out,
        )
        self._load = load
        if self._sold_out:
            _sell_out(load)
        else:
            drive(load, 1)
        self._shop.wait_for_views()

    def round(self, seconds: float) -> Measured:
        """Load it, then wait until the views show what was sold: the next contender has the machine for itself."""
        self._stage.checkpoint()
        before = self._shop.answers()
        measured = drive(self._load, seconds)
        after = self._shop.answers()
        measured.facts["views_behind_s"] = round(self._shop.wait_for_views(), 2)
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


def _sell_out(load: Load) -> None:
    """The first order takes all there is; from then on every answer is a refusal."""
    for _ in range(3):
        try:
            drive(load, 1)
            return
        except BenchError:
            continue
    drive(load, 1)


def contenders(stage: Stage) -> list[Shop]:
    """One hot edition, many editions, a sold-out one, and buyers who tap twice."""
    return [
        Shop(stage, name="B5 c64", title="one hot edition", connections=64, best_of="B5"),
        Shop(stage, name="B5 c256", title="one hot edition", connections=256, best_of="B5"),
        Shop(stage, name="B5 many", title=f"{EDITIONS:,} editions", connections=256, editions=EDITIONS),
        Shop(stage, name="B5 repeats", title="20 % repeats", connections=256, repeats=REPEATS),
        Shop(stage, name="B5 soldout", title="sold out", connections=256, sold_out=True),
    ]
