"""A whole season: which act is in which partition, and a partition's season from the first day to the last."""

from collections.abc import Callable
from typing import Final

import msgspec

from buystream.season import draws as names
from buystream.season.acts import DAY_MS, Act, Company, SeasonPlan
from buystream.season.bank import Bank
from buystream.season.buyers import Buyers
from buystream.season.draws import Draws
from buystream.season.merchants import Merchants
from buystream.season.programme import companies, programme
from buystream.season.sketches import DAYS
from buystream.season.stage import PartitionStage, RecordSink
from buystream.vocabulary import actors, commands

AT_ONCE: Final = 5_000


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A season, and where everything is: the partition and the id of each act and merchant, by slug."""

    plan: SeasonPlan
    acts: tuple[Act, ...]
    companies: tuple[Company, ...]
    editions: dict[str, str]
    merchants: dict[str, str]
    act_partitions: dict[str, int]
    company_partitions: dict[str, int]

    @property
    def ends_ms(self) -> int:
        """The season's end."""
        return self.plan.starts_ms + DAYS * DAY_MS


def placed(plan: SeasonPlan) -> Placed:
    """The programme in its partitions, each with about as many commands. A charity is where its acts are."""
    acts = programme(plan)
    cast = companies(acts)
    loads = dict.fromkeys(range(plan.partitions), 0.0)
    act_partitions: dict[str, int] = {}
    company_partitions: dict[str, int] = {}
    bundles = [[act for act in acts if act.company == company.slug] for company in cast if company.is_charity]
    charities = {company.slug for company in cast if company.is_charity}
    bundles += [[act] for act in acts if act.company not in charities]
    for bundle in sorted(bundles, key=lambda bundle: (-sum(act.share for act in bundle), bundle[0].slug)):
        partition = min(loads, key=lambda number: (loads[number], number))
        for act in bundle:
            act_partitions[act.slug] = partition
            company_partitions[act.company] = partition
            loads[partition] += act.share
    return Placed(
        plan=plan,
        acts=tuple(acts),
        companies=tuple(cast),
        editions={slug: names.edition_id(plan.seed, number, slug) for slug, number in act_partitions.items()},
        merchants={slug: names.merchant_id(plan.seed, number, slug) for slug, number in company_partitions.items()},
        act_partitions=act_partitions,
        company_partitions=company_partitions,
    )


def play(season: Placed, partition: int, sink: RecordSink, on_progress: Callable[[int], None]) -> PartitionStage:
    """One partition's season; returns the stage as it is at the end. The same records for the same season, whatever
    the other partitions do."""
    plan = season.plan
    draws = Draws(plan.seed, "partition", partition)
    stage = PartitionStage(
        partition,
        shop_id=names.shop_id(plan.seed),
        draws=draws,
        bank=Bank(draws),
        starts_ms=plan.starts_ms,
    )
    acts = {act.slug: act for act in season.acts if season.act_partitions[act.slug] == partition}
    merchants = Merchants(stage, seed=plan.seed, acts=acts, editions=season.editions, merchants=season.merchants)
    buyers = Buyers(
        stage,
        seed=plan.seed,
        editions=season.editions,
        visits=sum(act.crowd.visits for act in acts.values()),
    )
    stage.open()
    if partition == 0 and any(act.crowd.apps for act in season.acts):
        fixed = commands.FixHostedPartitions(partitions=plan.partitions)
        stage.ask(fixed, actors.system("gateway"), key="pt0")
    for company in season.companies:
        if season.company_partitions[company.slug] == partition:
            merchants.register(company)
    for act in acts.values():
        merchants.release(act)
        buyers.come(act)
    stage.play(season.ends_ms, sink, at_once=AT_ONCE, on_progress=on_progress)
    return stage
