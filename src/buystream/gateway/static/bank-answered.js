// Back from the bank: what the provider put into the address is nobody's business, and a tab that was opened for the bank may go.
history.replaceState(null, "", location.pathname);
setTimeout(() => window.close(), 1500);
