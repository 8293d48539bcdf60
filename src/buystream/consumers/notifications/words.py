"""What the mails say, by language. Each text has the same places to fill in every language."""

from typing import Final

DEFAULT: Final = "en"

EN: Final = {
    "hello": "Hello {name},",
    "hello.nobody": "Hello,",
    "order_number": "Order",
    "total": "Total",
    "carrier": "Carrier",
    "tracking": "Tracking number",
    "my_orders": "See my orders",
    "footer": "{merchant} sells this with buystream. You get this message because of your order there.",
    "reply": "You can reply to this message: it goes to {merchant}.",
    "unsubscribe": "No more messages like this from {merchant}",
    "confirmed.subject": "Your order: {title}",
    "confirmed.heading": "Thank you, your order is confirmed",
    "confirmed.text": "Your payment of {total} to {merchant} went through. The receipt is attached.",
    "confirmed.free": "Your order with {merchant} is confirmed. There was nothing to pay.",
    "confirmed.tickets": "Your tickets are attached, and shown below. At the door, your phone or a printed copy is"
    " enough.",
    "confirmed.ships": "You will get a message when it is on its way.",
    "charged_pledge.subject": "{title} reached its target",
    "charged_pledge.heading": "The target was reached",
    "charged_pledge.text": "{title} reached its target, and your pledge of {total} to {merchant} was charged."
    " The receipt is attached.",
    "gift.subject": "Your monthly gift to {title}",
    "gift.heading": "Thank you for your gift",
    "gift.text": "Your regular gift of {total} to {merchant} was charged. The receipt is attached.",
    "gift.end": "You can end your regular gift at any time under My orders.",
    "pledged.subject": "Your pledge: {title}",
    "pledged.heading": "Your pledge counts",
    "pledged.text": "You pledged {total} to {title}. Nothing is charged unless the target is reached.",
    "missed.subject": "{title} didn’t reach its target",
    "missed.heading": "The target was missed",
    "missed.text": "{title} didn’t reach its target. Your pledge of {total} has ended, and nothing was charged.",
    "declined.subject": "Your payment didn’t go through: {title}",
    "declined.heading": "Your card was declined",
    "declined.text": "Your bank declined the payment of {total} to {merchant}. Nothing was charged.",
    "declined.held": "Your order is still held for a moment: open My orders and pay with another card.",
    "declined.ended": "The hold has ended. If it is still on sale, order it again with another card, or ask your bank.",
    "gift_failing.subject": "Your monthly gift wasn’t charged: {title}",
    "gift_failing.heading": "Your gift wasn’t charged",
    "gift_failing.text": "Your bank declined your regular gift of {total} to {merchant}. The next one is tried"
    " when it is"
    " due; when too many in a row fail, your regular gift ends.",
    "gift_failing.todo": "To give with another card, end this gift under My orders and start a new one.",
    "refunded.subject": "Your refund: {title}",
    "refunded.heading": "Your money is on its way back",
    "refunded.text": "{merchant} refunded {amount} to the card that you paid with. Banks take up to ten days to"
    " show it.",
    "shipped.subject": "On its way: {title}",
    "shipped.heading": "Your order is on its way",
    "shipped.text": "{merchant} has shipped your order.",
    "shipped.track": "Track the parcel",
    "called_off.subject": "Called off: {title}",
    "called_off.heading": "It was called off",
    "called_off.text": "{merchant} has called off {title}.",
    "called_off.paid": "You get your money back, without doing anything. You will get a message when it is on its way.",
    "called_off.unpaid": "You were not charged.",
    "gift_ended.subject": "Your monthly gift has ended: {title}",
    "gift_ended.heading": "Your regular gift has ended",
    "gift_ended.text": "Too many of your regular gifts of {total} to {merchant} in a row couldn’t be charged.",
    "gift_ended.todo": "If you would like to go on giving, start a new one with another card.",
    "announced.subject": "{title}",
    "announced.heading": "{title}",
    "announced.about": "This is about your order: {title}.",
    "desk": "Open the desk",
    "to_merchant": "You get this message because you sell at {shop}.",
    "webhook_failing.subject": "Your webhook fails: {address}",
    "webhook_failing.heading": "Your webhook accepts nothing",
    "webhook_failing.text": "{address} has accepted none of your events for many hours. If nothing changes within two"
    " days, it will be disabled.",
    "webhook_failing.todo": "The desk shows what it answered. Nothing is lost: all events are in the feed, too.",
    "webhook_disabled.subject": "Your webhook was disabled: {address}",
    "webhook_disabled.heading": "Your webhook was disabled",
    "webhook_disabled.text": "{address} said that it is gone, or accepted none of your events for three days."
    " Nothing is sent there any more.",
    "webhook_disabled.todo": "Enable it on the desk once it works. What happened meanwhile is in the feed.",
    "found.subject": "Your orders at {shop}",
    "found.heading": "Your orders",
    "found.text": "Someone, probably you, asked for a link to the orders that were made with this address. It works"
    " once, within an hour. Anyone who opens it can see and change the orders.",
    "found.not_you": "If it wasn’t you, do nothing: nobody else gets to see this link.",
    "found.link": "Show my orders",
    "found.link_of": "Show my orders up to {day}",
    "found.footer": "You get this message because this address was entered at {shop}.",
    "ready.subject": "Ready to collect: {title}",
    "ready.heading": "Your order is ready to collect",
    "ready.text": "You can collect your order from {merchant}.",
    "delivered.subject": "Delivered: {title}",
    "delivered.heading": "Your order has arrived",
    "delivered.text": "Your order from {merchant} was delivered. If anything is missing, reply to this message.",
}

FR: Final = {
    "hello": "Bonjour {name},",
    "hello.nobody": "Bonjour,",
    "order_number": "Commande",
    "total": "Total",
    "carrier": "Transporteur",
    "tracking": "Numéro de suivi",
    "my_orders": "Voir mes commandes",
    "footer": "{merchant} vend cet article avec buystream. Vous recevez ce message à la suite de votre commande.",
    "reply": "Vous pouvez répondre à ce message : {merchant} recevra votre réponse.",
    "unsubscribe": "Ne plus recevoir ce genre de message de {merchant}",
    "confirmed.subject": "Votre commande : {title}",
    "confirmed.heading": "Merci, votre commande est confirmée",
    "confirmed.text": "Votre paiement de {total} à {merchant} a été accepté. Le reçu est joint à ce message.",
    "confirmed.free": "Votre commande auprès de {merchant} est confirmée. Il n’y avait rien à payer.",
    "confirmed.tickets": "Vos billets sont joints à ce message et affichés ci-dessous. À l’entrée, votre téléphone ou"
    " une copie imprimée suffit.",
    "confirmed.ships": "Vous recevrez un message dès son expédition.",
    "charged_pledge.subject": "{title} a atteint son objectif",
    "charged_pledge.heading": "L’objectif est atteint",
    "charged_pledge.text": "{title} a atteint son objectif : votre promesse de don de {total} à {merchant} a été"
    " débitée."
    " Le reçu est joint à ce message.",
    "gift.subject": "Votre don mensuel : {title}",
    "gift.heading": "Merci pour votre don",
    "gift.text": "Votre don régulier de {total} à {merchant} a été débité. Le reçu est joint à ce message.",
    "gift.end": "Vous pouvez mettre fin à votre don régulier à tout moment sous « Mes commandes ».",
    "pledged.subject": "Votre promesse de don : {title}",
    "pledged.heading": "Votre promesse de don est enregistrée",
    "pledged.text": "Vous avez promis {total} à {title}. Rien n’est débité tant que l’objectif n’est pas atteint.",
    "missed.subject": "{title} n’a pas atteint son objectif",
    "missed.heading": "L’objectif n’est pas atteint",
    "missed.text": "{title} n’a pas atteint son objectif. Votre promesse de {total} est annulée, rien n’a été débité.",
    "declined.subject": "Votre paiement n’a pas abouti : {title}",
    "declined.heading": "Votre carte a été refusée",
    "declined.text": "Votre banque a refusé le paiement de {total} à {merchant}. Rien n’a été débité.",
    "declined.held": "Votre commande est encore réservée un instant : ouvrez « Mes commandes » et payez avec une autre"
    " carte.",
    "declined.ended": "La réservation a expiré. Si l’article est encore en vente, commandez-le à nouveau avec une"
    " autre"
    " carte, ou adressez-vous à votre banque.",
    "gift_failing.subject": "Votre don mensuel n’a pas été débité : {title}",
    "gift_failing.heading": "Votre don n’a pas été débité",
    "gift_failing.text": "Votre banque a refusé votre don régulier de {total} à {merchant}. Le prochain sera tenté"
    " à son"
    " échéance ; après trop de refus de suite, le don régulier prend fin.",
    "gift_failing.todo": "Pour donner avec une autre carte, mettez fin à ce don sous « Mes commandes » et"
    " commencez-en un"
    " nouveau.",
    "refunded.subject": "Votre remboursement : {title}",
    "refunded.heading": "Votre remboursement est en cours",
    "refunded.text": "{merchant} vous a remboursé {amount} sur la carte du paiement. Votre banque peut mettre"
    " jusqu’à dix"
    " jours à l’afficher.",
    "shipped.subject": "Expédié : {title}",
    "shipped.heading": "Votre commande est en route",
    "shipped.text": "{merchant} a expédié votre commande.",
    "shipped.track": "Suivre le colis",
    "called_off.subject": "Annulé : {title}",
    "called_off.heading": "Annulation",
    "called_off.text": "{merchant} a annulé {title}.",
    "called_off.paid": "Vous serez remboursé sans rien avoir à faire. Un message vous préviendra quand l’argent sera en"
    " route.",
    "called_off.unpaid": "Rien n’a été débité.",
    "gift_ended.subject": "Votre don mensuel a pris fin : {title}",
    "gift_ended.heading": "Votre don régulier a pris fin",
    "gift_ended.text": "Trop de dons réguliers de {total} à {merchant} n’ont pas pu être débités de suite.",
    "gift_ended.todo": "Pour continuer à donner, commencez un nouveau don avec une autre carte.",
    "announced.subject": "{title}",
    "announced.heading": "{title}",
    "announced.about": "Ce message concerne votre commande : {title}.",
    "desk": "Ouvrir le bureau",
    "to_merchant": "Vous recevez ce message parce que vous vendez sur {shop}.",
    "webhook_failing.subject": "Votre webhook échoue : {address}",
    "webhook_failing.heading": "Votre webhook n’accepte rien",
    "webhook_failing.text": "{address} n’a accepté aucun de vos événements depuis de nombreuses heures. Sans"
    " changement d’ici deux jours, il sera désactivé.",
    "webhook_failing.todo": "Le bureau montre ses réponses. Rien n’est perdu : le flux contient tous les événements.",
    "webhook_disabled.subject": "Votre webhook est désactivé : {address}",
    "webhook_disabled.heading": "Votre webhook est désactivé",
    "webhook_disabled.text": "{address} a répondu qu’il n’existe plus, ou n’a accepté aucun de vos événements pendant"
    " trois jours. Plus rien n’y est envoyé.",
    "webhook_disabled.todo": "Réactivez-le au bureau quand il fonctionne. Le flux contient ce qui s’est passé depuis.",
    "found.subject": "Vos commandes chez {shop}",
    "found.heading": "Vos commandes",
    "found.text": "Quelqu’un, vous sans doute, a demandé un lien vers les commandes passées avec cette adresse. Il"
    " fonctionne une seule fois, dans l’heure. Qui l’ouvre peut voir et modifier les commandes.",
    "found.not_you": "Si ce n’était pas vous, ne faites rien : personne d’autre ne voit ce lien.",
    "found.link": "Voir mes commandes",
    "found.link_of": "Voir mes commandes jusqu’au {day}",
    "found.footer": "Vous recevez ce message parce que cette adresse a été saisie sur {shop}.",
    "ready.subject": "À retirer : {title}",
    "ready.heading": "Votre commande est prête",
    "ready.text": "Vous pouvez retirer votre commande auprès de {merchant}.",
    "delivered.subject": "Livré : {title}",
    "delivered.heading": "Votre commande est arrivée",
    "delivered.text": "Votre commande de {merchant} a été livrée. S’il manque quelque chose, répondez à ce message.",
}

WORDS: Final = {"en": EN, "fr": FR}

LANGUAGES: Final = tuple(WORDS)
