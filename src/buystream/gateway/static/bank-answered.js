// Back from the bank: remove the provider's parameters from the address, and close a tab that was opened for the bank.
history.replaceState(null, "", location.pathname);
setTimeout(() => window.close(), 1500);
