"""What browsers may do with our pages. Everything comes from here and nothing is inline, but for one page: Stripe's
elements live in a document of their own, the payment form, which any site may frame and which knows no buyer."""

from collections.abc import Mapping

_OURS = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' data:{images}; font-src 'self';"
    " connect-src 'self'{calls}; base-uri 'none'; form-action 'self'"
)
CONTENT_SECURITY_POLICY = _OURS.format(scripts="", images="", calls="") + "; frame-ancestors 'none'"

PAYMENT_FORM_POLICY = (
    _OURS.format(scripts=" https://js.stripe.com", images=" https://*.stripe.com", calls=" https://api.stripe.com")
    + "; frame-src https://js.stripe.com https://hooks.stripe.com"
)
"""What Stripe documents for Stripe.js (docs.stripe.com/security/guide). Buttons are anywhere: no `frame-ancestors`."""


def page_headers(*, stripe: bool) -> Mapping[str, str]:
    """The headers of every answer. With Stripe, the checkout sheet frames the payment form."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY + ("; frame-src 'self'" if stripe else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    }
