"""What a partition decides about itself: its owner, its time, its rules, and what the whole shop has only once."""

from buystream.aggregates import agenda
from buystream.aggregates.decides import decides
from buystream.aggregates.edition import ordering
from buystream.aggregates.edition.edition import REPEATED
from buystream.aggregates.moment import Moment
from buystream.aggregates.recorder import Recorder
from buystream.aggregates.rules import rules_of
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import is_shop_id

BAD_ID = "bad_id"
"""An id that names what its command makes has the form of its kind, and carries this partition: whatever else stands in
the partition's stream, no client can write its name."""


@decides(commands.OwnerStarted)
def take_over(recorder: Recorder, command: commands.OwnerStarted, moment: Moment) -> None:
    """While nobody decided, nobody could pay: holds get some time, which the Ticks that follow write to each."""
    grace_seconds = max(min(command.grace_seconds, moment.rules.hold_seconds_max), 0)
    grace_until_ms = moment.at_ms + grace_seconds * 1000
    recorder.answer(moment, events.OwnershipTaken, owner=command.owner, grace_until_ms=grace_until_ms)


@decides(commands.Tick)
def tick(recorder: Recorder, command: commands.Tick, moment: Moment) -> None:
    """Only a Tick lets holds expire: while no owner is there to append one, an outage of ours expires nobody."""
    recorder.answer(moment, events.Ticked)
    state, holds, rules, at_ms = recorder.state, recorder.holds, moment.rules, moment.at_ms
    asked_at_ms = at_ms if command.asked_at_ms is None else command.asked_at_ms
    recorder.at_work = ""
    if at_ms < state.grace_until_ms:
        for edition_id, order_id in holds.to_extend(rules.expiries_per_tick_max, command.without):
            recorder.at_work = order_id
            ordering.extend_hold(state.editions[edition_id], order_id, state.grace_until_ms, moment)
    if at_ms - asked_at_ms > rules.tick_delay_ms_max:
        return
    due_ms = min(at_ms, asked_at_ms)
    for edition_id, order_id in holds.to_expire(due_ms, rules.expiries_per_tick_max, command.without):
        recorder.at_work = order_id
        ordering.HOLD.carry_on(state.editions[edition_id], order_id, moment)
    for _, edition_id, duty, about in recorder.agenda.due(due_ms, rules.agenda_per_tick_max, command.without):
        recorder.at_work = about or edition_id
        agenda.carry_on(state.editions[edition_id], duty, about, moment)


@decides(commands.AcceptTime)
def accept_time(recorder: Recorder, command: commands.AcceptTime, moment: Moment) -> None:
    """A time that is far ahead is right."""
    _judged(recorder, command, moment, events.TimeAccepted, too_late=moment.at_ms < command.stamped_ms)


@decides(commands.PassOverTime)
def pass_over_time(recorder: Recorder, command: commands.PassOverTime, moment: Moment) -> None:
    """A time that is far ahead is wrong."""
    _judged(recorder, command, moment, events.TimePassedOver, too_late=moment.at_ms >= command.stamped_ms)


def _judged(
    recorder: Recorder,
    command: commands.AcceptTime | commands.PassOverTime,
    moment: Moment,
    kind: type[events.TimeAccepted | events.TimePassedOver],
    *,
    too_late: bool,
) -> None:
    """The verdict was followed when its command's turn came, before this one's: see `buystream.consumers.clock`. It
    came too late if the partition's clock shows the opposite."""
    if not 0 <= command.position < recorder.state.command_position:
        recorder.unchanged("unknown_position", command, str(command.position), moment)
        return None
    if too_late:
        recorder.unchanged("verdict_too_late", command, str(command.position), moment)
        return None
    return recorder.answer(moment, kind, position=command.position, stamped_ms=command.stamped_ms)


@decides(commands.AdoptRules)
def adopt_rules(recorder: Recorder, command: commands.AdoptRules, moment: Moment) -> None:
    """Raises UnknownRules: a program that lacks newer rules refuses the partition, and leaves the command to one that
    has them."""
    if command.rules_version == recorder.state.rules_version:
        recorder.unchanged(REPEATED, command, str(command.rules_version), moment)
        return
    if command.rules_version < recorder.state.rules_version:
        recorder.unchanged("unknown_rules", command, str(command.rules_version), moment)
        return
    rules_of(command.rules_version)
    recorder.answer(moment, events.RulesAdopted, rules_version=command.rules_version)


@decides(commands.OpenShop)
def open_shop(recorder: Recorder, command: commands.OpenShop, moment: Moment) -> None:
    """The answer to a repeat has the id that the shop has, as its subject."""
    if opened := recorder.state.shop_id:
        recorder.unchanged(REPEATED, command, opened, moment)
        return
    if recorder.state.number or not is_shop_id(command.shop_id):
        recorder.unchanged(BAD_ID, command, command.shop_id, moment)
        return
    recorder.answer(moment, events.ShopOpened, shop_id=command.shop_id)


@decides(commands.FixHostedPartitions)
def fix_hosted_partitions(recorder: Recorder, command: commands.FixHostedPartitions, moment: Moment) -> None:
    """The answer to a repeat has the number that was fixed first, as its subject."""
    if fixed := recorder.state.hosted_partitions:
        recorder.unchanged(REPEATED, command, str(fixed), moment)
        return
    if recorder.state.number or not 1 <= command.partitions <= moment.rules.partitions_max:
        recorder.unchanged("bad_partitions", command, str(command.partitions), moment)
        return
    recorder.answer(moment, events.HostedPartitionsFixed, partitions=command.partitions)
