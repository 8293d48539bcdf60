"""The secret key of a shop with the embedded PostgreSQL, in a file of its data folder."""

import contextlib
import os
import secrets

from buystream.settings import Settings
from buystream.variables import BadSetting
from buystream.variables import secret as read_secret

SECRET_FILE = "secret.key"


def secret_of(settings: Settings) -> bytes:
    """The one secret. In embedded mode without one, made once in `<data>/secret.key` (0600); raises BadSetting."""
    if settings.secret_key:
        return settings.secret_key.encode()
    path = settings.data_dir / SECRET_FILE
    try:
        if not path.exists():
            keep_secret(settings, secrets.token_urlsafe(48).encode(), replace=False)
        return read_secret(path.read_text().strip()).encode()
    except BadSetting as error:
        raise BadSetting(f"{path} {error}") from None
    except OSError as error:
        raise BadSetting(f"can't use the data folder {settings.data_dir}: {error.strerror} ({path})") from error


def keep_secret(settings: Settings, secret: bytes, *, replace: bool) -> None:
    """Write `<data>/secret.key`, whole or not at all. Without `replace` the first of two processes wins."""
    path = settings.data_dir / SECRET_FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{SECRET_FILE}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        unfinished.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(unfinished)
    unfinished.unlink()
