"""The people who work for a merchant: invited once, with a role, and never without an owner."""

import pytest

from buystream.aggregates import rules
from buystream.aggregates.rules import NEWEST_RULES, RULES
from buystream.vocabulary import actors, commands, events
from tests.support.examples import INVITED, MEMBER, MERCHANT, T0, example
from tests.support.scenario import Scenario, expect, given

REGISTER, INVITE, ACCEPT, CHANGE, REMOVE = (
    example(kind)
    for kind in (
        commands.RegisterMerchant,
        commands.InviteMember,
        commands.AcceptInvitation,
        commands.ChangeRole,
        commands.RemoveMember,
    )
)


def member(role: str, member_id: str = MEMBER) -> str:
    return actors.merchant_member(MERCHANT, member_id, role)


def joined(role: str) -> Scenario:
    shop = given(REGISTER, example(commands.InviteMember, role=role))
    return shop.when(ACCEPT, actor=member(role))


def test_who_is_invited_joins_once() -> None:
    shop = given(REGISTER).when(INVITE).then(expect(events.MemberInvited, role="support", contact=INVITED["contact"]))
    shop.when(example(commands.InviteMember, contact="another ciphertext of the same")).then(events.CommandRepeated)
    shop.when(ACCEPT, actor=member("support")).then(expect(events.MemberJoined, role="support"))
    shop.when(ACCEPT, actor=member("support")).then(expect(events.CommandRefused, reason="invitation_over"))


def test_nobody_accepts_for_another() -> None:
    somebody = member("support", "mb-somebody")
    given(REGISTER, INVITE).when(ACCEPT, actor=somebody).then(expect(events.CommandRefused, reason="unknown_member"))


def test_an_invitation_ends_in_time_and_when_it_is_withdrawn() -> None:
    late = given(REGISTER, INVITE).when(ACCEPT, at_ms=INVITED["until_ms"], actor=member("support"))
    late.then(expect(events.CommandRefused, reason="invitation_over"))
    withdrawn = given(REGISTER, INVITE, REMOVE).when(ACCEPT, actor=member("support"))
    withdrawn.then(expect(events.CommandRefused, reason="invitation_over"))
    withdrawn.when(INVITE).then(expect(events.CommandRefused, reason="member_id_conflict"))


def test_the_last_owner_stays_an_owner() -> None:
    shop = joined("owner")
    for command in (REMOVE, CHANGE):
        shop.when(command).then(expect(events.CommandRefused, reason="last_owner"))
    invite = example(commands.InviteMember, member_id="mb-second", role="owner")
    second = member("owner", "mb-second")
    shop.when(invite).then(events.MemberInvited)
    shop.when(REMOVE).then(expect(events.CommandRefused, reason="last_owner"))
    shop.when(example(commands.AcceptInvitation, member_id="mb-second"), actor=second).then(events.MemberJoined)
    shop.when(REMOVE).then(expect(events.MemberRemoved, role="owner"))
    shop.when(REMOVE).then(events.CommandRepeated)


def test_a_role_changes_and_what_it_was_is_said() -> None:
    shop = joined("support").when(CHANGE).then(expect(events.RoleChanged, role="sales", old_role="support"))
    shop.when(CHANGE).then(events.CommandRepeated)


def test_whose_access_ended_meanwhile_changes_nothing() -> None:
    shop = joined("owner").given(example(commands.InviteMember, member_id="mb-second", role="owner"))
    second = member("owner", "mb-second")
    shop.when(REMOVE, actor=second).then(expect(events.CommandRefused, reason="key_revoked"))
    shop.when(example(commands.AcceptInvitation, member_id="mb-second"), actor=second)
    shop.when(CHANGE, actor=second).then(events.RoleChanged)
    invite = example(commands.InviteMember, member_id="mb-third")
    shop.when(invite, actor=member("owner")).then(expect(events.CommandRefused, reason="key_revoked"))
    shop.when(invite, actor=member("sales")).then(expect(events.CommandRefused, reason="not_permitted"))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (example(commands.InviteMember, role="king"), "unknown_role"),
        (example(commands.InviteMember, until_ms=T0), "bad_expiry"),
        (example(commands.ChangeRole, role="king"), "unknown_role"),
        (example(commands.ChangeRole, member_id="mb-nobody"), "unknown_member"),
        (example(commands.RemoveMember, member_id="mb-nobody"), "unknown_member"),
        (example(commands.AddApiKey, role="king"), "unknown_role"),
    ],
)
def test_what_cannot_be_is_refused(command: commands.Command, reason: str) -> None:
    """The owner and somebody with another role are members already."""
    invite = example(commands.InviteMember, member_id="mb-other")
    known = command if isinstance(command, commands.ChangeRole) else None
    shop = given(REGISTER, INVITE if known else invite)
    shop.when(command).then(expect(events.CommandRefused, reason=reason))


def test_a_merchant_has_only_so_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {**RULES, NEWEST_RULES: rules.msgspec.structs.replace(RULES[NEWEST_RULES], members_max=1)}
    monkeypatch.setattr(rules, "RULES", few)
    shop = given(example(commands.AdoptRules, rules_version=NEWEST_RULES), REGISTER, INVITE)
    second = example(commands.InviteMember, member_id="mb-second")
    shop.when(second).then(expect(events.CommandRefused, reason="too_many_members"))
    later = INVITED["until_ms"]
    shop.when(example(commands.InviteMember, member_id="mb-second", until_ms=later + 1), at_ms=later).then(
        events.MemberInvited
    )


def test_a_member_adds_and_removes_passkeys_and_nobody_adds_one_for_another() -> None:
    add, remove = example(commands.AddPasskey), example(commands.RemovePasskey)
    shop = joined("support")
    shop.when(add, actor=member("owner", "mb-other")).then(expect(events.CommandRefused, reason="unknown_member"))
    shop.when(add, actor=member("support")).then(expect(events.PasskeyAdded, name="Laptop"))
    shop.when(add, actor=member("support")).then(events.CommandRepeated)
    again = example(commands.AddPasskey, credential_id="b3RoZXI")
    shop.when(again, actor=member("support")).then(expect(events.CommandRefused, reason="passkey_id_conflict"))
    another = member("support", "mb-other")
    shop.when(remove, actor=another).then(expect(events.CommandRefused, reason="unknown_member"))
    shop.when(remove, actor=member("support")).then(events.PasskeyRemoved)
    shop.when(remove, actor=actors.merchant_key(MERCHANT, "first")).then(
        expect(events.CommandRefused, reason="unknown_passkey")
    )


def test_a_member_has_only_so_many_passkeys() -> None:
    most = RULES[NEWEST_RULES].passkeys_max
    shop = joined("support")
    many = [example(commands.AddPasskey, passkey_id=f"p{n}") for n in range(most + 1)]
    decided = [shop.when(one, actor=member("support")).decided[0] for one in many]
    assert [type(one) for one in decided[:most]] == [events.PasskeyAdded] * most
    assert isinstance(decided[-1], events.CommandRefused)
    assert decided[-1].reason == "too_many_passkeys"
