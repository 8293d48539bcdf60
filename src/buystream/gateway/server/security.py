"""What browsers may do with our pages. Everything comes from here and nothing is inline, with one exception: Stripe's
elements live in a document of their own, the payment form, which any site may frame and which knows no buyer. The
checkout may be framed too; no other page may."""

from collections.abc import Mapping

_OURS = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' data:{images}; font-src 'self';"
    " connect-src 'self'{calls}; base-uri 'none'; form-action 'self'"
)
CONTENT_SECURITY_POLICY = _OURS.format(scripts="", images="", calls="") + "; frame-ancestors 'none'"

CHECKOUT_POLICY = _OURS.format(scripts="", images="", calls="") + "; frame-src 'self'"
"""Of what buttons on other sites frame: any site may. What pays by what is saved is pressed only once it was seen
(static/buystream/guard.js), so a page that covers the frame gains nothing."""

CARD_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
"""Of an edition's card, which any site may frame: it has no script, and its only link opens the edition's page."""

DOOR_POLICY = (
    _OURS.format(scripts=" 'wasm-unsafe-eval'", images=" blob:", calls="")
    + "; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'"
)
"""Of the scanner's page: the reader of QR codes is WebAssembly, which is compiled here. Script is evaluated nowhere."""

_STRIPE = " https://js.stripe.com https://*.js.stripe.com"
_LINK = " https://link.com https://*.link.com"

PAYMENT_FORM_POLICY = (
    _OURS.format(
        scripts=_STRIPE, images=" https://*.stripe.com https://*.link.com", calls=f" https://api.stripe.com{_LINK}"
    )
    + f"; frame-src{_STRIPE} https://hooks.stripe.com{_LINK}"
)
"""What Stripe documents for Stripe.js, which starts frames on changing subdomains, and for Link
(docs.stripe.com/security/guide#content-security-policy). Buttons are anywhere, so there is no `frame-ancestors`."""


def page_headers(*, stripe: bool) -> Mapping[str, str]:
    """The headers of every answer. With Stripe, the checkout sheet frames the payment form."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY + ("; frame-src 'self'" if stripe else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    }
