"""The command that checks a receipt offline."""

from pathlib import Path

import click
import msgspec

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.transparency.checkpoints import read_checkpoint
from buystream.transparency.notes import read_key
from buystream.transparency.policies import read_policy
from buystream.transparency.proofs import read_proof
from buystream.transparency.verifying import Verified
from buystream.transparency.verifying import verify as verify_proof

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@click.option("--key", "vkeys", multiple=True, help="The log's verifier key: name+hash+base64; of several, any.")
@click.option("--policy", type=FILE, help="A policy (https://c2sp.org/tlog-policy) with the log's key and witnesses.")
@click.option("--checkpoint", type=FILE, help="A published checkpoint that the receipt must agree with.")
@options.as_json
def verify(file: Path, vkeys: tuple[str, ...], policy: Path | None, checkpoint: Path | None, as_json: bool) -> None:
    """Check a receipt (FILE.tlog-proof) offline: that the log holds the event that it carries.

    At least one of --key, --policy and --checkpoint says whom to trust; it must come from elsewhere than the receipt.
    """
    try:
        if vkeys and policy:
            raise BuystreamError("use either --key or --policy, which names the key itself")
        verdict = verify_proof(
            read_proof(file.read_bytes()),
            policy=read_policy(policy.read_text()) if policy else None,
            keys=[read_key(vkey) for vkey in vkeys],
            published=read_checkpoint(checkpoint.read_bytes())[0] if checkpoint else None,
        )
    except BuystreamError as error:
        if as_json:
            click.echo(msgspec.json.encode({"verified": False, "reason": str(error)}))
        raise BuystreamError(f"{file} is NOT verified: {error}") from None
    if as_json:
        click.echo(msgspec.json.encode({"verified": True, **msgspec.structs.asdict(verdict)}))
    else:
        click.echo(_words(verdict))


def _words(verdict: Verified) -> str:
    vouching = [f"signed by {name}" for name in verdict.signed_by]
    if verdict.is_published:
        vouching.append("the same as the published one")
    lines = (
        f"verified: leaf {verdict.index} of {verdict.origin}",
        f"  event       {verdict.event['type']} {verdict.event['id']}, {verdict.event.get('time', '')}",
        f"  about       {verdict.event.get('subject', '')}",
        f"  checkpoint  {verdict.size} leaves, {', '.join(vouching)}",
    )
    return options.visible("\n".join(lines))
