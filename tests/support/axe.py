"""axe-core on a page: the accessibility rules that it breaks, in every frame and every open shadow root; and what the
page's Content-Security-Policy blocked."""

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

OPTIONS = {"resultTypes": ["violations"], "iframes": False}
"""All of axe's rules; each frame is inspected separately, because frames of another origin can't be reached."""

_REPORT = """addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile }) =>
  console.error(`Content Security Policy: ${effectiveDirective} blocked ${blockedURI} in ${sourceFile}`));"""


CONTRAST = ("color-contrast",)


def violations(page: Page, *, only: tuple[str, ...] = ()) -> list[str]:
    """A line for each element that breaks a rule: the rule, how bad it is, the element, and what to change.
    `only`: rules to check instead of all."""
    options = OPTIONS | ({"runOnly": list(only)} if only else {})
    found = []
    for frame in page.frames:
        if frame.url in ("", "about:blank") or frame.is_detached():
            continue
        for broken in Axe().run(frame, options=options).response["violations"]:
            rule = f"{broken['id']} ({broken['impact']}) at {frame.url}"
            found += [f"{rule}: {one['target']} {one['html'][:160]} {one['failureSummary']}" for one in broken["nodes"]]
    return found


@contextmanager
def blocked_by(context: BrowserContext) -> Iterator[list[str]]:
    """What the policies of the context's pages block from now on."""
    blocked: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            blocked.append(message.text)

    context.add_init_script(_REPORT)
    context.on("console", listen)
    yield blocked
    context.remove_listener("console", listen)
